// Would it have fired? A rule over the stored past, as it is and with a change; nothing is written.

import { useMemo, useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { post } from "../../api/client";
import type { BacktestData, Rule } from "../../api/types";
import { count, duration } from "../../format/numbers";
import { parseDuration, printDuration } from "../../format/time";
import { Show } from "../../parts/states";
import { window_ } from "../../state/range";
import { PastTable } from "./past-table";
import { firing, wouldBe } from "./spans";

/** What is tried. */
interface Trial {
  expr: string;
  for: string;
  keep_firing_for: string;
}

interface Run {
  trials: { title: string; trial: Trial }[];
  start: number;
  end: number;
}

function trialOf(rule: Rule): Trial {
  return { expr: rule.query, for: printDuration(rule.duration ?? 0), keep_firing_for: printDuration(rule.keepFiringFor ?? 0) };
}

const isWait = (text: string) => parseDuration(text.trim()) !== undefined;

export function Backtest({ rule, interval }: { rule: Rule; interval: number }) {
  const asIs = trialOf(rule);
  const [trial, setTrial] = useState(asIs);
  const [run, setRun] = useState<Run | undefined>();
  const changed = trial.expr !== asIs.expr || trial.for !== asIs.for || trial.keep_firing_for !== asIs.keep_firing_for;
  const ready = trial.expr.trim() !== "" && isWait(trial.for) && isWait(trial.keep_firing_for);
  const start = () => {
    const { start, end } = window_.peek();
    const own = { title: "As it is", trial: asIs };
    setRun({ trials: changed ? [own, { title: "With your change", trial }] : [own], start, end });
  };
  return (
    <section aria-label="Would it have fired?">
      <h3 class="strong">Would it have fired?</h3>
      <form
        class="backtest"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) start();
        }}
      >
        <textarea class="input mono" aria-label="Expression to try" rows={Math.min(6, trial.expr.split("\n").length + 1)} value={trial.expr} onInput={(event) => setTrial({ ...trial, expr: event.currentTarget.value })} />
        <Wait label="for" value={trial.for} onChange={(text) => setTrial({ ...trial, for: text })} />
        <Wait label="keeps firing for" value={trial.keep_firing_for} onChange={(text) => setTrial({ ...trial, keep_firing_for: text })} />
        <button type="submit" class="btn" disabled={!ready}>
          Try it in this window
        </button>
        {changed && (
          <button type="button" class="btn ghost" onClick={() => setTrial(asIs)}>
            As it is
          </button>
        )}
        <span class="t3 small">every {duration(interval)}; nothing is written</span>
      </form>
      {run?.trials.map(({ title, trial: tried }) => (
        <Outcome key={title} title={title} trial={tried} run={run} interval={interval} />
      ))}
    </section>
  );
}

function Wait({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  return (
    <label class="t2 small">
      {label}{" "}
      <input class="input wait" value={value} aria-invalid={!isWait(value)} onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}

function Outcome({ title, trial, run, interval }: { title: string; trial: Trial; run: Run; interval: number }) {
  const { start, end } = run;
  const asked = useAsk<BacktestData>((signal) => post("narthex/rules/backtest", { ...trial, start, end, interval }, signal), [run]);
  const data = asked.state.value.answer?.data;
  const past = useMemo(() => wouldBe(data?.alerts ?? [], interval), [data, interval]);
  const all = firing(past.flatMap(({ spans }) => spans), interval);
  return (
    <Show asked={asked.state.value} cancel={asked.cancel} query={trial.expr}>
      {({ evaluations, truncated }) => (
        <div class="outcome">
          <div>
            <b>{title}</b>{" "}
            <span class="t2">
              {all.times === 0 ? "would not have fired" : `would have fired ${all.times === 1 ? "once" : `${count(all.times)} times`}, ${duration(all.seconds)} in all`}, by {count(evaluations)} evaluations
              {truncated && "; more alerts than are told"}
            </span>
          </div>
          <PastTable past={past} start={start} end={end} step={interval} label={`${title}: alerts`} />
        </div>
      )}
    </Show>
  );
}
