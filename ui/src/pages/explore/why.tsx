// Why an answer is empty, and one thing that helps.

import { useAsk } from "../../api/ask";
import { instant } from "../../api/promql";
import { ago } from "../../format/time";
import { setWindow } from "../../state/range";
import { Empty } from "../../parts/states";
import { present } from "../../state/clock";
import { metricNames } from "./names";

/** How far back a metric is looked for. */
const BACK = "7d";

/** The time of a metric's last sample. A sample counts for five minutes, so such steps miss none. */
const lastSample = (name: string) => `max_over_time(max(timestamp(${name}))[${BACK}:5m])`;

export function Why({ query, start, end }: { query: string; start: number; end: number }) {
  const [name] = metricNames(query);
  const asked = useAsk(name === undefined ? undefined : (signal) => instant(lastSample(name), present(), signal), [name, end]);
  const state = asked.state.value;
  const last = state.answer?.data[0]?.value;
  if (name === undefined) return <Empty title="The query gives nothing in this window" />;
  if (state.loading) return null;
  if (last === undefined) {
    return (
      <Empty title={`There is no metric ${name}`}>
        <div class="t2">Nothing of this name was stored within {BACK}. Begin to write a name, and the editor lists those that there are.</div>
      </Empty>
    );
  }
  if (last < start) {
    return (
      <Empty title={`${name} has no samples in this window`}>
        <div class="t2">Its last sample was {ago(last, present())}.</div>
        <button type="button" class="btn" onClick={() => setWindow(last - (end - start), last)}>
          Show that window
        </button>
      </Empty>
    );
  }
  return (
    <Empty title="The query gives nothing in this window">
      <div class="t2">
        {name} has samples; a matcher, a comparison or the join leaves none of them. A window of a rate has to hold two samples. “Explain” shows where they are lost.
      </div>
    </Empty>
  );
}
