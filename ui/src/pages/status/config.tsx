// The configuration in force.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { Show } from "../../parts/states";
import { look } from "../../state/range";

export function Config() {
  const asked = useAsk<{ yaml: string }>((signal) => get("status/config", {}, signal), [look.value]);
  return (
    <section class="panel" aria-label="Configuration">
      <header>
        <h2>Configuration</h2>
        <span class="u">in force, defaults filled in, secrets hidden</span>
      </header>
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(data) => <pre class="yaml">{data.yaml}</pre>}
      </Show>
    </section>
  );
}
