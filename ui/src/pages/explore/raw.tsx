// Samples as they are stored: dots at their own times, and the distances between them.

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { post } from "../../api/client";
import { toNumber } from "../../api/points";
import type { QueryData } from "../../api/types";
import { Chart, type Drawn } from "../../charts/chart";
import { stroke } from "../../charts/colours";
import { commonLabels, metricText, shortName } from "../../charts/series";
import { count, duration } from "../../format/numbers";
import { unitOfQuery } from "../../format/units";
import { Empty, Show } from "../../parts/states";
import { type Column, Table } from "../../parts/table";
import { dark } from "../../state/settings";
import { isSelector } from "./names";

/** More series than this would be a cloud. */
const SERIES_MAX = 50;

interface Row {
  name: string;
  id: string;
  samples: number;
  shortest: number;
  typical: number;
  longest: number;
}

export function Raw({ query, start, end }: { query: string; start: number; end: number }) {
  const selector = isSelector(query);
  const seconds = Math.max(1, Math.round(end - start));
  const asked = useAsk<QueryData>(selector ? (signal) => post("query", { query: `${query}[${seconds}s]`, time: end }, signal) : undefined, [query, start, end]);
  if (!selector) {
    return (
      <Empty title="Only a selector has stored samples">
        <div class="t2">
          Write a name with matchers, such as <code>node_load1{'{instance="a"}'}</code>, without functions and operators.
        </div>
      </Empty>
    );
  }
  return (
    <Show asked={asked.state.value} cancel={asked.cancel} query={query} empty={(data) => (Array.isArray(data.result) && data.result.length === 0 ? <Empty title="No samples in this window" /> : undefined)}>
      {(data) => <Samples data={data} query={query} />}
    </Show>
  );
}

function Samples({ data, query }: { data: QueryData; query: string }) {
  const all = data.resultType === "matrix" ? data.result : [];
  const series = useMemo(() => all.slice(0, SERIES_MAX), [all]);
  const { times, drawn, rows } = useMemo(() => {
    const common = series.length > 1 ? commonLabels(series.map((one) => one.metric)) : {};
    const times = [...new Set(series.flatMap((one) => (one.values ?? []).map(([time]) => time)))].sort((a, b) => a - b);
    const places = new Map(times.map((time, i) => [time, i]));
    const drawn = series.map((one, i): Drawn => {
      const values = new Float64Array(times.length).fill(NaN);
      for (const [time, text] of one.values ?? []) {
        const value = toNumber(text);
        values[places.get(time) ?? 0] = Number.isFinite(value) ? value : NaN;
      }
      return { name: shortName(one.metric, common), values, colour: stroke(i).colour };
    });
    const rows = series.map((one, i): Row => {
      const own = (one.values ?? []).map(([time]) => time);
      const gaps = own.slice(1).map((time, at) => time - (own[at] ?? 0)).sort((a, b) => a - b);
      return {
        name: drawn[i]?.name ?? "",
        id: metricText(one.metric),
        samples: own.length,
        shortest: gaps[0] ?? NaN,
        typical: gaps[gaps.length >> 1] ?? NaN,
        longest: gaps[gaps.length - 1] ?? NaN,
      };
    });
    return { times, drawn, rows };
  }, [series, dark.value]);
  const distance = (id: "shortest" | "typical" | "longest"): Column<Row> => ({ id, head: `${id} distance`, right: true, by: (row) => row[id], cell: (row) => (Number.isNaN(row[id]) ? "–" : duration(row[id])) });
  return (
    <>
      <div class="query-stats">
        <span>
          <b>{count(rows.reduce((sum, row) => sum + row.samples, 0))}</b> samples of <b>{all.length > series.length ? `${series.length} of ${count(all.length)}` : series.length}</b> series
        </span>
      </div>
      <div class="graph">
        <Chart times={times} drawn={drawn} unit={unitOfQuery(query)} height={280} label="Stored samples" form="points" scale="fit" tip />
      </div>
      <Table
        rows={rows}
        keyOf={(row) => row.id}
        label="Series"
        columns={[
          { id: "name", head: "series", by: (row) => row.id, cell: (row) => <span title={row.id}>{row.name}</span> },
          { id: "samples", head: "samples", right: true, by: (row) => row.samples, cell: (row) => count(row.samples) },
          distance("shortest"),
          distance("typical"),
          distance("longest"),
        ]}
      />
    </>
  );
}
