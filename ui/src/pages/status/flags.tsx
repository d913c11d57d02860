// The flags of the command line, all of them.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { Show } from "../../parts/states";
import { Table } from "../../parts/table";

export function Flags() {
  const asked = useAsk<Record<string, string>>((signal) => get("status/flags", {}, signal), []);
  return (
    <section class="panel" aria-label="Flags">
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(flags) => (
          <Table
            rows={Object.entries(flags)}
            keyOf={([name]) => name}
            label="Flags"
            columns={[
              { id: "flag", head: "Flag", by: ([name]) => name, cell: ([name]) => <code>--{name}</code> },
              { id: "value", head: "Value", by: ([, value]) => value, wrap: true, cell: ([, value]) => value },
            ]}
          />
        )}
      </Show>
    </section>
  );
}
