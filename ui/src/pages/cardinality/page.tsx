// What grew, who brought it?

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { CardinalityData } from "../../api/types";
import { Empty, Show } from "../../parts/states";
import { TimeBar } from "../../parts/timebar";
import { look } from "../../state/range";
import { place, setParams } from "../../state/url";
import "./cardinality.css";
import { BY, type By } from "./dimension";
import { Detail } from "./detail";
import { Figures } from "./figures";
import { Rows } from "./rows";

const ROWS = 500;

export default function Cardinality() {
  const { params } = place.value;
  const by: By = BY.find(([id]) => id === params.get("by"))?.[0] ?? "metric";
  const match = params.get("match");
  const focus = params.get("focus");
  const asked = useAsk<CardinalityData>((signal) => get("narthex/cardinality", { by, limit: ROWS, ...(match ? { "match[]": match } : {}) }, signal), [look.value, by, match]);
  const focused = focus === null ? undefined : asked.state.value.answer?.data.rows.find((row) => row.name === focus);
  return (
    <>
      <div class="bar">
        <h1>Cardinality</h1>
        <span class="seg" role="group" aria-label="Counted by">
          {BY.map(([id, title]) => (
            <button key={id} type="button" aria-pressed={id === by} onClick={() => setParams({ by: id, focus: null })}>
              {title}
            </button>
          ))}
        </span>
        <input class="input filter" data-filter placeholder={'{job="node"}'} aria-label="Only series that match" value={match ?? ""} onChange={(event) => setParams({ match: event.currentTarget.value || null })} />
        <span class="sp" />
        <TimeBar window={false} />
      </div>
      <div class="page-body">
        <Figures data={match ? undefined : asked.state.value.answer?.data} />
        <div class={focused ? "cardinality focused" : "cardinality"}>
          <section class="panel" aria-label="Series">
            <Show asked={asked.state.value} cancel={asked.cancel} empty={(data) => (data.rows.length === 0 ? <NoSeries match={match} /> : undefined)}>
              {(data) => <Rows data={data} by={by} focus={focused?.name} />}
            </Show>
          </section>
          {focused && <Detail by={by} row={focused} total={asked.state.value.answer?.data.total ?? 0} />}
        </div>
      </div>
    </>
  );
}

function NoSeries({ match }: { match: string | null }) {
  if (match === null) {
    return (
      <Empty title="No series yet">
        <div class="t2">The first come with the first scrape. Nothing is counted of samples that lie in blocks only.</div>
      </Empty>
    );
  }
  return (
    <Empty title="No series matches that">
      <button type="button" class="btn" onClick={() => setParams({ match: null })}>
        Count all series
      </button>
    </Empty>
  );
}
