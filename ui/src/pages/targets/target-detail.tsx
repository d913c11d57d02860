// A target's last error, its last scrapes, and its labels before and after relabelling.

import { useAsk } from "../../api/ask";
import { range as rangeQuery } from "../../api/promql";
import type { ActiveTarget } from "../../api/types";
import { parseDuration } from "../../format/time";
import { link } from "../../state/url";
import { look } from "../../state/range";
import { present } from "../../state/clock";
import { Discovered } from "./discovered";
import { RelabelSteps } from "./relabel-steps";
import { Try } from "./try";

const SCRAPES = 30;

export function TargetDetail({ target }: { target: ActiveTarget }) {
  const selector = `up{${["job", "instance"].map((name) => `${name}=${JSON.stringify(target.labels[name] ?? "")}`).join(",")}}`;
  const step = parseDuration(target.scrapeInterval) ?? 15;
  const end = Math.floor(present());
  const answer = useAsk((signal) => rangeQuery(selector, end - (SCRAPES - 1) * step, end, step, signal), [selector, look.value]).state.value.answer?.data;
  const values = answer?.[0]?.values ?? [];
  const down = [...values].reverse().findIndex(([, value]) => value !== "0");
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
          <a class="btn small" href={link("query", { "g0.expr": selector, "g0.tab": "graph" })}>
            up in Explore
          </a>
        </div>
        <Try target={target} />
        <div class="strong">Relabelling, rule by rule</div>
        <RelabelSteps pool={target.scrapePool} discovered={target.discoveredLabels} />
      </div>
      <div>
        <div class="strong">Labels, before and after relabelling</div>
        <Discovered discovered={target.discoveredLabels} final={target.labels} />
      </div>
    </div>
  );
}
