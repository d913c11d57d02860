// What a rule compares, over the bound that it sets, and when its alerts were pending or fired.

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { range } from "../../api/promql";
import type { Rule } from "../../api/types";
import { boundOf } from "../../charts/alarms";
import { merged } from "../../charts/bands";
import { Chart, type Drawn } from "../../charts/chart";
import { COLOURED, stroke, token } from "../../charts/colours";
import { lastOf, toLines } from "../../charts/series";
import { bandsOf } from "../../charts/spans";
import { count } from "../../format/numbers";
import { unitOfQuery } from "../../format/units";
import { Show } from "../../parts/states";
import { thresholdOf } from "../../query/threshold";
import { stepFor, window_ } from "../../state/range";
import { dark } from "../../state/settings";

/** More lines than these are not drawn. */
const DRAWN_MAX = 1000;

export function OverThreshold({ rule }: { rule: Rule }) {
  const { start, end } = window_.value;
  const step = stepFor(end - start);
  const threshold = useMemo(() => thresholdOf(rule.query), [rule.query]);
  const bound = useMemo(() => boundOf(rule), [rule.query]);
  const expr = threshold?.expr ?? "";
  const asked = useAsk(threshold ? (signal) => range(expr, start, end, step, signal) : undefined, [expr, start, end, step]);
  const alerts = useAsk((signal) => range(`ALERTS{alertname=${JSON.stringify(rule.name)}}`, start, end, step, signal), [rule.name, start, end, step]).state.value.answer?.data;
  const series = asked.state.value.answer?.data;
  const lines = useMemo(() => toLines((series ?? []).slice(0, DRAWN_MAX), start, end, step), [series]);
  const drawn = useMemo(() => {
    // Those next to the bound get the colours.
    const sign = bound?.below ? -1 : 1;
    const weight = (last: number) => (Number.isNaN(last) ? -Infinity : sign * last);
    const ranked = lines.lines.map((line) => ({ line, weight: weight(lastOf(line.values)) })).sort((a, b) => b.weight - a.weight);
    const grey = token("ctx");
    return ranked
      .map(({ line }, place): Drawn => {
        const context = place >= COLOURED;
        const { colour, dash } = stroke(place);
        return { name: line.name, values: line.values, context, colour: context ? grey : colour, dash: context ? undefined : dash };
      })
      .reverse();
  }, [lines, dark.value]);
  const bands = useMemo(() => merged(bandsOf(alerts ?? [], step)), [alerts]);
  const limits = useMemo(() => (bound ? [{ ...bound, reach: true }] : []), [bound]);
  if (threshold === undefined) return null;
  return (
    <section aria-label="Expression over threshold">
      <h3 class="strong">
        What it compares{" "}
        <span class="t2 plain">
          {threshold.op} {threshold.value} · {series === undefined ? "" : `${count(series.length)} series`}
        </span>
      </h3>
      <Show asked={asked.state.value} cancel={asked.cancel} query={expr} infos={false} empty={(data) => (data.length === 0 ? <div class="t3">Nothing to compare in this window.</div> : undefined)}>
        {() => <Chart times={lines.times} drawn={drawn} unit={unitOfQuery(expr)} height={170} label={`${rule.name}: what it compares`} tip bands={bands} limits={limits} />}
      </Show>
    </section>
  );
}
