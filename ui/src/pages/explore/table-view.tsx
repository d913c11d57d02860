// The answer at the end of the window, as a table.

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { post } from "../../api/client";
import { toNumber } from "../../api/points";
import type { LabelSet, QueryData } from "../../api/types";
import { metricText } from "../../charts/series";
import { exact, format } from "../../format/numbers";
import { fullTime } from "../../format/time";
import { unitOfQuery } from "../../format/units";
import { Show } from "../../parts/states";
import { type Column, Table } from "../../parts/table";
import { utc } from "../../state/settings";
import { Why } from "./why";

interface Row {
  labels: LabelSet;
  id: string;
  text: string;
  value: number;
}

function rows(data: QueryData): Row[] {
  switch (data.resultType) {
    case "vector":
      return data.result.map((sample) => {
        const id = metricText(sample.metric);
        if (sample.value) return { labels: sample.metric, id, text: sample.value[1], value: toNumber(sample.value[1]) };
        const histogram = sample.histogram?.[1];
        return { labels: sample.metric, id, text: `count ${histogram?.count ?? ""}, sum ${histogram?.sum ?? ""}`, value: toNumber(histogram?.count ?? "NaN") };
      });
    case "matrix":
      return data.result.map((series) => ({
        labels: series.metric,
        id: metricText(series.metric),
        text: (series.values ?? []).map(([time, value]) => `${value} @ ${time}`).join("\n"),
        value: series.values?.length ?? 0,
      }));
    case "scalar":
    case "string":
      return [{ labels: {}, id: data.resultType, text: data.result[1], value: toNumber(data.result[1]) }];
  }
}

export function TableView({ query, start, end }: { query: string; start: number; end: number }) {
  const asked = useAsk<QueryData>((signal) => post("query", { query, time: end }, signal), [query, end]);
  return (
    <Show
      asked={asked.state.value}
      cancel={asked.cancel}
      query={query}
      empty={(data) => (Array.isArray(data.result) && data.result.length === 0 ? <Why query={query} start={start} end={end} /> : undefined)}
    >
      {(data) => <Rows data={data} query={query} end={end} />}
    </Show>
  );
}

function Rows({ data, query, end }: { data: QueryData; query: string; end: number }) {
  const list = useMemo(() => rows(data), [data]);
  const unit = unitOfQuery(query);
  const columns = useMemo((): Column<Row>[] => {
    // A column for each label up to this many; beyond it the labels stand together.
    const names = [...new Set(list.flatMap((row) => Object.keys(row.labels)))].sort();
    const value: Column<Row> = {
      id: "value",
      head: "value",
      right: true,
      by: (row) => row.value,
      cell: (row) => (
        <span class="med" title={exact(row.value)}>
          {data.resultType === "matrix" || unit === "number" || Number.isNaN(row.value) ? <span class="pre">{row.text}</span> : format(row.value, unit)}
        </span>
      ),
    };
    if (names.length === 0 || names.length > 8) return [{ id: "series", head: "series", by: (row) => row.id, wrap: true, cell: (row) => <code>{row.id}</code> }, value];
    return [...names.map((name): Column<Row> => ({ id: name, head: name === "__name__" ? "metric" : name, by: (row) => row.labels[name] ?? "", cell: (row) => row.labels[name] ?? "" })), value];
  }, [list, unit, data]);
  return (
    <>
      <div class="query-stats">
        <span>
          <b>{list.length}</b> at {fullTime(end, { utc: utc.value })}
        </span>
      </div>
      <Table rows={list} columns={columns} keyOf={(row) => row.id} label="Result" />
    </>
  );
}
