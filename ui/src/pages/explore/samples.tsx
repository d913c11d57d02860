// Stored samples: dots at their own times, rings where a series ended, and the distances between them.

import { useMemo } from "preact/hooks";
import type { StoredSeries } from "../../api/types";
import { Chart, type Drawn } from "../../charts/chart";
import { stroke } from "../../charts/colours";
import type { Dot } from "../../charts/dots";
import { commonLabels, metricText, shortName } from "../../charts/series";
import { count, duration } from "../../format/numbers";
import { unitOfQuery } from "../../format/units";
import { type Column, Table } from "../../parts/table";
import { dark } from "../../state/settings";
import { type Row, endsOf, pointsOf, rowOf } from "./stored";

/** More series than this would be a cloud. */
const SERIES_MAX = 50;

export function Samples({ all, query }: { all: StoredSeries[]; query: string }) {
  const series = useMemo(() => all.slice(0, SERIES_MAX), [all]);
  const { times, drawn, rings, rows } = useMemo(() => picture(series), [series, dark.value]);
  const ends = rows.reduce((sum, row) => sum + row.ends, 0);
  return (
    <>
      <div class="query-stats">
        <span>
          <b>{count(rows.reduce((sum, row) => sum + row.samples, 0))}</b> samples of <b>{all.length > series.length ? `${series.length} of ${count(all.length)}` : series.length}</b> series
        </span>
        {ends > 0 && (
          <span>
            <b>{count(ends)}</b> {ends === 1 ? "end" : "ends"} of series, ○
          </span>
        )}
      </div>
      <div class="graph">
        <Chart times={times} drawn={drawn} unit={unitOfQuery(query)} height={280} label="Stored samples" form="points" scale="fit" tip dots={rings} />
      </div>
      <Table rows={rows} keyOf={(row) => metricText(row.labels)} label="Series" columns={COLUMNS} />
    </>
  );
}

function picture(series: readonly StoredSeries[]): { times: number[]; drawn: Drawn[]; rings: Dot[]; rows: Row[] } {
  const common = series.length > 1 ? commonLabels(series.map((one) => one.metric)) : {};
  const points = series.map(pointsOf);
  const times = [...new Set(points.flatMap((own) => own.map(({ time }) => time)))].sort((a, b) => a - b);
  const places = new Map(times.map((time, i) => [time, i]));
  const drawn = series.map((one, i): Drawn => {
    const values = new Float64Array(times.length).fill(NaN);
    for (const { time, value } of points[i] ?? []) {
      values[places.get(time) ?? 0] = value !== undefined && Number.isFinite(value) ? value : NaN;
    }
    return { name: shortName(one.metric, common), values, colour: stroke(i).colour };
  });
  const rings = points.flatMap((own, i) => endsOf(own).map((end): Dot => ({ ...end, ring: stroke(i).colour })));
  const rows = series.map((one, i) => rowOf(drawn[i]?.name ?? "", one.metric, points[i] ?? []));
  return { times, drawn, rings, rows };
}

function distance(id: "shortest" | "typical" | "longest"): Column<Row> {
  return { id, head: `${id} distance`, right: true, by: (row) => row[id], cell: (row) => (Number.isNaN(row[id]) ? "–" : duration(row[id])) };
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", head: "series", by: (row) => metricText(row.labels), cell: (row) => <span title={metricText(row.labels)}>{row.name}</span> },
  { id: "samples", head: "samples", right: true, by: (row) => row.samples, cell: (row) => count(row.samples) },
  { id: "ends", head: "ends", right: true, by: (row) => row.ends, cell: (row) => (row.ends === 0 ? "" : count(row.ends)) },
  distance("shortest"),
  distance("typical"),
  distance("longest"),
];
