// What the server wants an administrator to know.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { ago } from "../../format/time";
import { look, now } from "../../state/range";

export function Notices() {
  const all = useAsk((signal) => get("notifications", {}, signal), [look.value]).state.value.answer?.data.filter((one) => one.active) ?? [];
  if (all.length === 0) return null;
  return (
    <section class="panel" aria-label="Notifications">
      <ul class="remarks">
        {all.map((one) => (
          <li key={one.text}>
            {one.text} <span class="t3">{ago(Date.parse(one.date) / 1000, now.value)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
