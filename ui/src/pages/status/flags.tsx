// The flags of the command line, all of them: those that somebody changed first.

import { useAsk } from "../../api/ask";
import { type Answer, ApiError, get } from "../../api/client";
import { Show } from "../../parts/states";
import { Table } from "../../parts/table";
import { type Flag, flagList } from "./flag-list";

/** Another server tells no defaults. */
async function changes(signal: AbortSignal): Promise<Record<string, string>> {
  try {
    return (await get("narthex/flags", {}, signal)).data.changed;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return {};
    throw error;
  }
}

async function ask(signal: AbortSignal): Promise<Answer<Flag[]>> {
  const [flags, changed] = await Promise.all([get("status/flags", {}, signal), changes(signal)]);
  return { ...flags, data: flagList(flags.data, changed) };
}

export function Flags() {
  const asked = useAsk(ask, []);
  return (
    <section class="panel" aria-label="Flags">
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(flags) => (
          <Table
            rows={flags}
            keyOf={({ name }) => name}
            label="Flags"
            columns={[
              { id: "flag", head: "Flag", by: ({ name }) => name, cell: ({ name, usual }) => <code class={usual === undefined ? "" : "med"}>--{name}</code> },
              { id: "value", head: "Value", by: ({ value }) => value, wrap: true, cell: ({ value, usual }) => <span class={usual === undefined ? "" : "med"}>{value}</span> },
              { id: "default", head: "Default", by: ({ usual }) => Number(usual === undefined), wrap: true, cell: ({ usual }) => usual !== undefined && <span class="t2">{usual === "" ? "empty" : usual}</span> },
            ]}
          />
        )}
      </Show>
    </section>
  );
}
