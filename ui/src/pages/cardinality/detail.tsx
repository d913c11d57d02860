// One row looked at: its labels, its targets, and how to stop what drives it.

import { useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { all, instant } from "../../api/promql";
import type { CardinalityData, CardinalityRow } from "../../api/types";
import { count, format } from "../../format/numbers";
import { Loading } from "../../parts/states";
import { look, now } from "../../state/range";
import { link, setParams } from "../../state/url";
import { type By, driving, dropRule, selector } from "./dimension";
import { Growth } from "./growth";

/** Labels whose absence is tried out, and targets that are listed. */
const SHOWN = 6;
/** Beyond so many series it is not tried out what a label adds: that reads them all. */
const TRIED = 200_000;

export function Detail({ by, row, total }: { by: By; row: CardinalityRow; total: number }) {
  const match = selector(by, row);
  const labels = useAsk<CardinalityData>((signal) => get("narthex/cardinality", { by: "label", limit: 50, "match[]": match }, signal), [match, look.value]);
  const targets = useAsk<CardinalityData>((signal) => get("narthex/cardinality", { by: "target", limit: SHOWN, "match[]": match }, signal), [match, look.value]);
  const listed = [...(labels.state.value.answer?.data.rows ?? [])]
    .filter((label) => label.name !== "__name__" && (by !== "label" || label.name !== row.name))
    .sort((a, b) => (b.values ?? 0) - (a.values ?? 0))
    .slice(0, SHOWN);
  const names = listed.map((label) => label.name).join("\n");
  const tries = by === "metric" && row.series <= TRIED && names !== "";
  const without = useAsk(
    tries ? (signal) => all(Object.fromEntries(listed.map((label) => [label.name, instant(`count(count without (${label.name}) (${match}))`, now.peek(), signal)]))) : undefined,
    [match, names, tries],
  ).state.value.answer?.data;
  const found = targets.state.value.answer?.data;
  const rest = found ? found.total - found.rows.reduce((sum, target) => sum + target.series, 0) : 0;
  const most = Math.max(1, ...listed.map((label) => label.values ?? 0));
  const cause = by === "metric" ? driving(listed) : undefined;
  const left = cause && without?.[cause.name]?.[0]?.value;
  return (
    <aside class="panel detail" aria-label={row.name}>
      <header>
        <h2>{row.name}</h2>
        <span class="r">
          <a href={link("query", { "g0.expr": `count(${match})`, "g0.tab": "graph" })}>Explore</a>
          <button type="button" class="btn ghost small" aria-label="Close" onClick={() => setParams({ focus: null })}>
            ✕
          </button>
        </span>
      </header>
      <p>
        <b>{count(row.series)} series</b>, {format(total === 0 ? 0 : row.series / total, "ratio")} of all
        {row.delta !== null && row.delta !== 0 && (
          <>
            ; <Growth row={row} /> in a day
          </>
        )}
        .
      </p>
      <Loading since={labels.state.value.since} />
      {listed.length > 0 && (
        <table aria-label="Labels">
          <thead>
            <tr>
              <th scope="col">Label</th>
              <th scope="col" class="r">
                Values
              </th>
              <th scope="col">
                <span class="visually-hidden">Share</span>
              </th>
              {tries && (
                <th scope="col" class="r">
                  Left without
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {listed.map((label) => (
              <tr key={label.name}>
                <td class={label === cause ? "strong wrap" : "wrap"}>{label.name}</td>
                <td class="r">{count(label.values ?? 0)}</td>
                <td>
                  <span class="meter" aria-hidden="true">
                    <i class={label === cause ? "warn" : ""} style={{ width: `${(100 * (label.values ?? 0)) / most}%` }} />
                  </span>
                </td>
                {tries && <td class="r t2">{without?.[label.name]?.[0] ? count(without[label.name]?.[0]?.value ?? 0) : "–"}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found && found.rows.length > 0 && (
        <table aria-label="Targets">
          <thead>
            <tr>
              <th scope="col">Target</th>
              <th scope="col" class="r">
                Series
              </th>
            </tr>
          </thead>
          <tbody>
            {found.rows.map((target) => (
              <tr key={target.name}>
                <td class="wrap">{target.name}</td>
                <td class="r">{count(target.series)}</td>
              </tr>
            ))}
            {found.names > found.rows.length && (
              <tr>
                <td class="t3">{count(found.names - found.rows.length)} more</td>
                <td class="r t3">{count(Math.max(0, rest))}</td>
              </tr>
            )}
          </tbody>
        </table>
      )}
      {cause && <Advice metric={row} label={cause} left={left} />}
    </aside>
  );
}

function Advice({ metric, label, left }: { metric: CardinalityRow; label: CardinalityRow; left: number | undefined }) {
  const [copied, setCopied] = useState(false);
  const rule = dropRule(metric.name, label.name);
  const copy = () => navigator.clipboard?.writeText(rule).then(() => setCopied(true), () => setCopied(false));
  return (
    <div class="advice">
      <div class="head">
        <b>Stop it at the scrape</b>
        <button type="button" class="btn ghost small" onClick={copy}>
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <pre class="yaml">{rule}</pre>
      <p class="t2">
        Drops {count(label.series)} series.{" "}
        {left !== undefined && left < metric.series && (
          <>
            <code>labeldrop</code> would not help: {count(metric.series)} series would collide into {count(left)}.
          </>
        )}
      </p>
    </div>
  );
}
