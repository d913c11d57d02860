// The past of a rule's alerts in the page's window, from what the server recorded.

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { range as rangeQuery } from "../../api/promql";
import { Show } from "../../parts/states";
import { stepFor, window_ } from "../../state/range";
import { PastTable } from "./past-table";
import { pastOf } from "./spans";

export function AlertHistory({ name }: { name: string }) {
  const { start, end } = window_.value;
  const step = stepFor(end - start, 400);
  const asked = useAsk((signal) => rangeQuery(`ALERTS{alertname=${JSON.stringify(name)}}`, start, end, step, signal), [name, start, end, step]);
  const series = asked.state.value.answer?.data;
  const past = useMemo(() => pastOf(series ?? [], step), [series, step]);
  return (
    <section aria-label="In this window">
      <h3 class="strong">In this window</h3>
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {() => <PastTable past={past} start={start} end={end} step={step} label="Alerts in this window" />}
      </Show>
    </section>
  );
}
