// A target's last error, its last scrapes, and its labels before and after relabelling.

import { useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { range as rangeQuery } from "../../api/promql";
import type { ActiveTarget } from "../../api/types";
import { parseDuration } from "../../format/time";
import { link } from "../../state/url";
import { look } from "../../state/range";
import { present } from "../../state/clock";
import { RelabelSteps } from "./relabel-steps";

const SCRAPES = 30;

export function TargetDetail({ target }: { target: ActiveTarget }) {
  const selector = `up{${["job", "instance"].map((name) => `${name}=${JSON.stringify(target.labels[name] ?? "")}`).join(",")}}`;
  const step = parseDuration(target.scrapeInterval) ?? 15;
  const end = Math.floor(present());
  const answer = useAsk((signal) => rangeQuery(selector, end - (SCRAPES - 1) * step, end, step, signal), [selector, look.value]).state.value.answer?.data;
  const values = answer?.[0]?.values ?? [];
  const down = [...values].reverse().findIndex(([, value]) => value !== "0");
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(`curl -sS '${target.scrapeUrl.replace(/'/g, "%27")}'`).then(() => setCopied(true));
  };
  return (
    <div class="target-detail">
      <div>
        <div class="strong">{target.lastError === "" ? "Last scrapes" : "Last error"}</div>
        {target.lastError !== "" && <pre>{target.lastError}</pre>}
        <div class="t3 small">
          {values.length === 0 ? "No scrape stored yet" : `The last ${values.length} scrapes${down > 0 ? `: down for ${down} in a row` : ""}`}
        </div>
        <div class="beats" aria-hidden="true">
          {values.map(([time, value]) => (
            <i key={time} class={value === "0" ? "down" : ""} />
          ))}
        </div>
        <div class="acts">
          <a class="btn small" href={target.globalUrl} target="_blank" rel="noreferrer">
            Open the page
          </a>
          <button type="button" class="btn small" onClick={copy}>
            {copied ? "Copied" : "Copy as curl"}
          </button>
          <a class="btn small" href={link("query", { "g0.expr": selector, "g0.tab": "graph" })}>
            up in Explore
          </a>
        </div>
        <div class="strong">Relabelling, rule by rule</div>
        <RelabelSteps pool={target.scrapePool} discovered={target.discoveredLabels} />
      </div>
      <div>
        <div class="strong">Labels, before and after relabelling</div>
        <Labels target={target} />
      </div>
    </div>
  );
}

function Labels({ target }: { target: ActiveTarget }) {
  const final = Object.entries(target.labels);
  return (
    <table aria-label="Labels">
      <thead>
        <tr>
          <th scope="col">Discovered</th>
          <th scope="col">Value</th>
          <th scope="col">Target label</th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(target.discoveredLabels).map(([name, value]) => (
          <tr key={name}>
            <td>
              <code>{name}</code>
            </td>
            <td class="wrap">{value}</td>
            <td class="ok">{final.filter(([own, is]) => own === name || (is === value && !(own in target.discoveredLabels))).map(([own]) => own).join(", ")}</td>
          </tr>
        ))}
        {final
          .filter(([name, value]) => target.discoveredLabels[name] !== value && !Object.values(target.discoveredLabels).includes(value))
          .map(([name, value]) => (
            <tr key={`final ${name}`}>
              <td class="t3">–</td>
              <td class="wrap">{value}</td>
              <td class="ok">{name}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}
