// What is switched on, and what is not.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { Show } from "../../parts/states";
import { Table } from "../../parts/table";

export function Features() {
  const asked = useAsk<Record<string, Record<string, boolean>>>((signal) => get("features", {}, signal), []);
  return (
    <section class="panel" aria-label="Features">
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(features) => (
          <Table
            rows={Object.entries(features).flatMap(([part, all]) => Object.entries(all).map(([name, on]) => ({ part, name, on })))}
            keyOf={({ part, name }) => `${part} ${name}`}
            label="Features"
            columns={[
              { id: "part", head: "Part", by: ({ part }) => part, cell: ({ part }) => <span class="t2">{part}</span> },
              { id: "name", head: "Feature", by: ({ name }) => name, cell: ({ name }) => <code>{name}</code> },
              { id: "on", head: "State", by: ({ on }) => Number(!on), cell: ({ on }) => (on ? <span class="med">on</span> : <span class="t3">off</span>) },
            ]}
          />
        )}
      </Show>
    </section>
  );
}
