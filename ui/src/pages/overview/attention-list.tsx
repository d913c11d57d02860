// Who, what, how much: a row each, worst first.

import { useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { ranges } from "../../api/batch";
import { metricText, toLines } from "../../charts/series";
import { Spark } from "../../charts/spark";
import { Mark } from "../../parts/icons";
import { stepFor } from "../../state/range";
import { link } from "../../state/url";
import { hourMinute } from "../../format/time";
import { utc } from "../../state/settings";
import { type Check, type Finding, since } from "./attention";

/** Only so many rows get a line of their past. */
const SPARKS = 12;

export function AttentionList({ found, checks: known, start, end }: { found: readonly Finding[]; checks: readonly Check[]; start: number; end: number }) {
  const [listed, setListed] = useState(false);
  const step = stepFor(end - start, 60);
  const sparks = useAsk(
    found.length === 0
      ? undefined
      : (signal) => ranges(Object.fromEntries(found.slice(0, SPARKS).map((one) => [one.graph, one.graph])), start, end, step, signal),
    [found.map((one) => one.graph).join("\n"), start, end, step],
  ).state.value.answer?.data;
  const checks = [...new Set(found.map((one) => one.check))];
  const past = useAsk(
    checks.length === 0 ? undefined : (signal) => ranges(Object.fromEntries(checks.map((check) => [check.id, check.query])), start, end, step, signal),
    [checks.map((check) => check.query).join("\n"), start, end, step],
  ).state.value.answer?.data;
  /** Since when somebody has it, within the window. */
  const begin = ({ check, series }: Finding) => {
    const own = past?.[check.id]?.filter((one) => metricText(one.metric) === series) ?? [];
    if (own.length === 0) return "";
    const { lines, times } = toLines(own, start, end, step);
    const time = lines[0] && since(lines[0].values, times);
    return time === undefined ? `before ${hourMinute(start, { utc: utc.value })}` : `since ${hourMinute(time, { utc: utc.value })}`;
  };
  return (
    <>
      {found.length === 0 ? (
        <div class="state t2">All that is looked at is in order.</div>
      ) : (
        <div class="scroll">
          <table class="attention" aria-label="Needs attention">
            <tbody>
              {found.map((one) => {
                const series = sparks?.[one.graph];
                const line = series && toLines(series.slice(0, 1), start, end, step).lines[0];
                return (
                  <tr key={`${one.check.id} ${one.who} ${one.what}`}>
                    <td>
                      <Mark kind={one.check.severity} />
                    </td>
                    <td class="strong">{one.who}</td>
                    <td class="med">{one.what}</td>
                    <td class="t2">{one.detail}</td>
                    <td class="t3 small">{begin(one)}</td>
                    <td>{line && <Spark values={line.values} width={104} colour={one.check.severity === "critical" ? "var(--crit)" : "var(--warn-fill)"} />}</td>
                    <td class="r">
                      <a href={link("query", { "g0.expr": one.graph, "g0.tab": "graph" })} aria-label={`${one.what}: look at it in Explore`}>
                        ›
                      </a>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <div class="found-how">
        <button type="button" class="btn ghost small" aria-expanded={listed} onClick={() => setListed(!listed)}>
          How these are found
        </button>
      </div>
      {listed && (
        <ul class="checks">
          {known.map((check) => (
            <li key={check.id}>
              <a href={link("query", { "g0.expr": check.query, "g0.tab": "table" })}>
                <code>{check.query}</code>
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
