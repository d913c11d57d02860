// Who costs what?

import { useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { ApiError, get, remove } from "../../api/client";
import type { ActiveQueriesData, RunningQuery, TopQuery } from "../../api/types";
import { count, duration, format } from "../../format/numbers";
import { Empty, Show } from "../../parts/states";
import { Table } from "../../parts/table";
import { TimeBar } from "../../parts/timebar";
import { look, refresh } from "../../state/range";
import { link, place, setParams } from "../../state/url";

const SORTS = [
  ["time", "Time"],
  ["memory", "Memory"],
  ["samples", "Samples"],
] as const;

export default function Queries() {
  const sort = SORTS.find(([id]) => id === place.value.params.get("sort"))?.[0] ?? "time";
  const active = useAsk<ActiveQueriesData>((signal) => get("narthex/queries/active", {}, signal), [look.value]);
  const top = useAsk<{ queries: TopQuery[] }>((signal) => get("narthex/queries/top", { sort, limit: 200 }, signal), [look.value, sort]);
  return (
    <>
      <div class="bar">
        <h1>Queries</h1>
        <span class="sp" />
        <TimeBar window={false} />
      </div>
      <div class="page-body">
        <section class="panel" aria-label="Running queries">
          <header>
            <h2>Running</h2>
          </header>
          <Show asked={active.state.value} cancel={active.cancel} empty={(data) => (data.queries.length === 0 ? <Empty title="No query is running" /> : undefined)}>
            {(data) => <Running data={data} />}
          </Show>
        </section>
        <section class="panel" aria-label="Costly queries">
          <header>
            <h2>Last 24 hours</h2>
            <span class="u">by shape: the expression without its values</span>
            <span class="r">
              <span class="seg small" role="group" aria-label="Order">
                {SORTS.map(([id, title]) => (
                  <button key={id} type="button" aria-pressed={id === sort} onClick={() => setParams({ sort: id })}>
                    {title}
                  </button>
                ))}
              </span>
            </span>
          </header>
          <Show asked={top.state.value} cancel={top.cancel} empty={(data) => (data.queries.length === 0 ? <Empty title="Nothing was asked yet" /> : undefined)}>
            {(data) => (
              <Table
                rows={data.queries}
                keyOf={(row) => `${row.query} ${row.source}`}
                label="Costly queries"
                columns={[
                  {
                    id: "query",
                    head: "Query",
                    wrap: true,
                    cell: (row) => (
                      <a href={link("query", { "g0.expr": row.example, "g0.tab": "graph" })}>
                        <code>{row.query}</code>
                      </a>
                    ),
                  },
                  { id: "calls", head: "Calls", right: true, by: (row) => row.calls, cell: (row) => count(row.calls) },
                  { id: "failed", head: "Failed", right: true, by: (row) => row.failed, cell: (row) => (row.failed > 0 ? <span class="warn">{count(row.failed)}</span> : "") },
                  { id: "seconds", head: "Together", right: true, by: (row) => row.seconds, cell: (row) => duration(row.seconds) },
                  { id: "p50", head: "Median", right: true, by: (row) => row.p50, cell: (row) => duration(row.p50) },
                  { id: "p99", head: "99 %", right: true, by: (row) => row.p99, cell: (row) => duration(row.p99) },
                  { id: "samples", head: "Samples", right: true, by: (row) => row.samples, cell: (row) => count(row.samples) },
                  { id: "peak", head: "Peak", right: true, by: (row) => row.peakBytes, cell: (row) => format(row.peakBytes, "bytes") },
                  { id: "source", head: "Source", by: (row) => row.source, cell: (row) => <span class="t2">{row.source}</span> },
                ]}
              />
            )}
          </Show>
        </section>
      </div>
    </>
  );
}

function Running({ data }: { data: ActiveQueriesData }) {
  return (
    <Table
      rows={data.queries}
      keyOf={(row) => row.id}
      label="Running queries"
      sort={{ id: "age", down: true }}
      columns={[
        { id: "age", head: "Age", right: true, by: (row) => row.age, cell: (row) => <span class="med">{duration(row.age)}</span> },
        { id: "state", head: "State", by: (row) => row.state, cell: (row) => row.state },
        { id: "query", head: "Query", wrap: true, cell: (row) => <code>{row.query}</code> },
        { id: "samples", head: "Samples", right: true, by: (row) => row.samples, cell: (row) => count(row.samples) },
        { id: "memory", head: "Memory", right: true, by: (row) => row.bytes, cell: (row) => format(row.bytes, "bytes") },
        { id: "client", head: "Client", by: (row) => row.client, cell: (row) => <span class="t2">{row.client}</span> },
        { id: "kill", head: "", cell: (row) => <Kill query={row} /> },
      ]}
    />
  );
}

/** Asks once. */
function Kill({ query }: { query: RunningQuery }) {
  const [sure, setSure] = useState(false);
  const [refused, setRefused] = useState("");
  const kill = () => {
    if (!sure) {
      setSure(true);
      return;
    }
    remove(`narthex/queries/active/${query.id}`).then(refresh, (error: unknown) => setRefused(error instanceof ApiError ? error.message : String(error)));
  };
  if (refused !== "") return <span class="crit small">{refused}</span>;
  return (
    <button type="button" class="btn small danger" onClick={kill} onBlur={() => setSure(false)}>
      {sure ? "End it?" : "End"}
    </button>
  );
}
