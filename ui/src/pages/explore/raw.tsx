// Samples as they are stored.

import { useAsk } from "../../api/ask";
import type { StoredSeries } from "../../api/types";
import { Empty, Show } from "../../parts/states";
import { isSelector } from "./names";
import { Samples } from "./samples";
import { stored } from "./stored";
import { Why } from "./why";

export function Raw({ query, start, end }: { query: string; start: number; end: number }) {
  const selector = isSelector(query);
  const asked = useAsk<StoredSeries[]>(selector ? (signal) => stored(query, start, end, signal) : undefined, [query, start, end]);
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
    <Show asked={asked.state.value} cancel={asked.cancel} query={query} empty={(all) => (all.length === 0 ? <Why query={query} start={start} end={end} /> : undefined)}>
      {(all) => <Samples all={all} query={query} />}
    </Show>
  );
}
