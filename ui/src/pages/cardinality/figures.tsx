// Series of the last day, how fast new ones come, and whose memory it is.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { all, range } from "../../api/promql";
import type { CardinalityData, MatrixSeries } from "../../api/types";
import { Chart } from "../../charts/chart";
import { stroke } from "../../charts/colours";
import { toLines } from "../../charts/series";
import { type Unit, count, format } from "../../format/numbers";
import { link } from "../../state/url";
import { look, now, stepFor } from "../../state/range";
import { signed } from "./growth";

const DAY = 86_400;
const ACTIVE = "sum(prometheus_tsdb_head_series)";
const NEW = "sum(rate(prometheus_tsdb_head_series_created_total[10m])) * 60";
/** Jobs that are named; the others are one. */
const JOBS = 4;

export function Figures({ data }: { data: CardinalityData | undefined }) {
  const end = Math.floor(now.peek());
  const step = stepFor(DAY, 160);
  const asked = useAsk((signal) => all({ active: range(ACTIVE, end - DAY, end, step, signal), fresh: range(NEW, end - DAY, end, step, signal) }), [look.value]);
  const history = asked.state.value.answer?.data;
  return (
    <section class="panel tiles" aria-label="Series and memory">
      <div>
        <div class="tile">
          <b>{data ? count(data.total) : "–"}</b> active series
          {data?.compared && (
            <span class={data.total > data.compared.total * 1.1 ? "warn" : "t3"}>
              {signed(data.total - data.compared.total)} in a day
            </span>
          )}
        </div>
        <Past known={history !== undefined} series={history?.active} end={end} step={step} unit="count" label="Active series, last day" query={ACTIVE} />
      </div>
      <div>
        <div class="tile">
          <b>{lastOf(history?.fresh)}</b> new series per minute
        </div>
        <Past known={history !== undefined} series={history?.fresh} end={end} step={step} unit="number" label="New series per minute, last day" query={NEW} />
      </div>
      <Memory />
    </section>
  );
}

function lastOf(series: MatrixSeries[] | undefined): string {
  const last = series?.[0]?.values?.at(-1)?.[1];
  return last === undefined ? "–" : format(Number(last), "number");
}

function Past({ known, series, end, step, unit, label, query }: { known: boolean; series: MatrixSeries[] | undefined; end: number; step: number; unit: Unit; label: string; query: string }) {
  const lines = toLines(series ?? [], end - DAY, end, step);
  const explore = link("query", { "g0.expr": query, "g0.tab": "graph", range: "1d" });
  if (!known) return <div class="nothing" />;
  if (lines.lines.length === 0) {
    return (
      <div class="nothing">
        no history: narthex does not scrape <a href={explore}>itself</a>
      </div>
    );
  }
  const drawn = lines.lines.slice(0, 1).map((line) => ({ name: label, values: line.values, ...stroke(0) }));
  return <Chart times={lines.times} drawn={drawn} unit={unit} height={112} label={label} tip />;
}

function Memory() {
  const asked = useAsk<CardinalityData>((signal) => get("narthex/cardinality", { by: "job", limit: 1000 }, signal), [look.value]);
  const rows = [...(asked.state.value.answer?.data.rows ?? [])].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
  const total = rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0);
  const others = rows.slice(JOBS);
  const shown = [
    ...rows.slice(0, JOBS).map((row) => ({ name: row.name || "no job", bytes: row.bytes ?? 0 })),
    ...(others.length > 0 ? [{ name: `${others.length} more`, bytes: others.reduce((sum, row) => sum + (row.bytes ?? 0), 0) }] : []),
  ];
  return (
    <div>
      <div class="tile">
        <b>{asked.state.value.answer ? format(total, "bytes") : "–"}</b> memory of series, by job
      </div>
      <table class="memory" aria-label="Memory by job">
        <tbody>
          {shown.map((job, i) => (
            <tr key={job.name}>
              <td>{job.name}</td>
              <td>
                <span class="meter wide" aria-hidden="true">
                  <i style={{ width: `${total === 0 ? 0 : (100 * job.bytes) / total}%`, background: stroke(i).colour, opacity: 1 }} />
                </span>
              </td>
              <td class="r t2">{format(job.bytes, "bytes")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
