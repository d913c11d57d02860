// What grew, who brought it?

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { CardinalityData, CardinalityRow } from "../../api/types";
import { count, format } from "../../format/numbers";
import { ago } from "../../format/time";
import { Empty, Show } from "../../parts/states";
import { type Column, Table } from "../../parts/table";
import { TimeBar } from "../../parts/timebar";
import { look, now } from "../../state/range";
import { link, place, setParams } from "../../state/url";

const BY = [
  ["metric", "Metrics"],
  ["label", "Labels"],
  ["pair", "Pairs"],
  ["job", "Jobs"],
  ["target", "Targets"],
] as const;

const ROWS = 500;

export default function Cardinality() {
  const { params } = place.value;
  const by = BY.find(([id]) => id === params.get("by"))?.[0] ?? "metric";
  const match = params.get("match");
  const asked = useAsk<CardinalityData>((signal) => get("narthex/cardinality", { by, limit: ROWS, ...(match ? { "match[]": match } : {}) }, signal), [look.value, by, match]);
  return (
    <>
      <div class="bar">
        <h1>Cardinality</h1>
        <span class="seg" role="group" aria-label="Counted by">
          {BY.map(([id, title]) => (
            <button key={id} type="button" aria-pressed={id === by} onClick={() => setParams({ by: id })}>
              {title}
            </button>
          ))}
        </span>
        <input class="input filter" data-filter placeholder={'{job="node"}'} aria-label="Only series that match" value={match ?? ""} onChange={(event) => setParams({ match: event.currentTarget.value || null })} />
        <span class="sp" />
        <TimeBar window={false} />
      </div>
      <div class="page-body">
        <section class="panel" aria-label="Series">
          <Show asked={asked.state.value} cancel={asked.cancel} empty={(data) => (data.rows.length === 0 ? <Empty title="No series" /> : undefined)}>
            {(data) => <Rows data={data} by={by} />}
          </Show>
        </section>
      </div>
    </>
  );
}

function Rows({ data, by }: { data: CardinalityData; by: string }) {
  const columns = useMemo((): Column<CardinalityRow>[] => {
    const selector = (row: CardinalityRow): string | undefined => {
      if (by === "metric") return `{__name__=${JSON.stringify(row.name)}}`;
      if (by === "job") return `{job=${JSON.stringify(row.name)}}`;
      return undefined;
    };
    const has = (field: keyof CardinalityRow) => data.rows.some((row) => row[field] !== undefined && row[field] !== null);
    const columns: Column<CardinalityRow>[] = [
      {
        id: "name",
        head: by,
        by: (row) => row.name,
        wrap: true,
        cell: (row) => {
          const query = selector(row);
          return query === undefined ? <span class="med">{row.name}</span> : <a href={link("query", { "g0.expr": `count(${query})`, "g0.tab": "graph" })}>{row.name}</a>;
        },
      },
      { id: "series", head: "Series", right: true, by: (row) => row.series, cell: (row) => <span class="med">{count(row.series)}</span> },
      { id: "share", head: "Share", right: true, by: (row) => row.series, cell: (row) => <span class="t2">{format(data.total === 0 ? 0 : row.series / data.total, "ratio")}</span> },
    ];
    if (has("delta")) {
      columns.push({
        id: "delta",
        head: "In a day",
        right: true,
        by: (row) => row.delta ?? 0,
        cell: (row) => {
          if (row.delta === null) return "–";
          // Growth by a tenth is worth a look.
          const grew = row.delta > Math.max(100, row.series * 0.1);
          return <span class={grew ? "warn strong" : "t2"}>{row.delta > 0 ? `+${count(row.delta)}` : count(row.delta)}</span>;
        },
      });
    }
    if (has("bytes")) columns.push({ id: "bytes", head: "Memory", right: true, by: (row) => row.bytes ?? 0, cell: (row) => format(row.bytes ?? 0, "bytes") });
    if (has("top_label")) columns.push({ id: "label", head: "Label with most values", by: (row) => row.top_label ?? "", cell: (row) => <span class="t2">{row.top_label}</span> });
    if (has("top_job")) columns.push({ id: "job", head: "Job", by: (row) => row.top_job ?? "", cell: (row) => <span class="t2">{row.top_job}</span> });
    if (by === "metric") {
      columns.push({ id: "queried", head: "Last queried", right: true, by: (row) => row.last_queried ?? 0, cell: (row) => <span class="t2">{row.last_queried ? ago(row.last_queried, now.value) : "not seen"}</span> });
    }
    return columns;
  }, [data, by]);
  return (
    <>
      <header>
        <h2>{count(data.total)} series</h2>
        <span class="u">
          {data.compared === null ? "growth is known after a day" : `${data.total >= data.compared ? "+" : ""}${count(data.total - data.compared)} in a day`}
          {data.exact ? "" : " · small ones are estimates"}
        </span>
      </header>
      <Table rows={data.rows} columns={columns} keyOf={(row) => row.name} label="Series" sort={{ id: "series", down: true }} />
    </>
  );
}
