// Rule by rule: what relabelling does to a target.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { LabelSet, RelabelStep } from "../../api/types";
import { Empty, Show } from "../../parts/states";
import { type LabelChange, stepsOf } from "./relabel";

export function RelabelSteps({ pool, discovered }: { pool: string; discovered: LabelSet }) {
  const labels = JSON.stringify(discovered);
  const asked = useAsk<{ steps: RelabelStep[] }>((signal) => get("targets/relabel_steps", { scrapePool: pool, labels }, signal), [pool, labels]);
  return (
    <Show asked={asked.state.value} cancel={asked.cancel} empty={({ steps }) => (steps.length === 0 ? <Empty title="This job has no relabelling rules" /> : undefined)}>
      {({ steps }) => (
        <ol class="relabel-steps" aria-label="Relabelling, rule by rule">
          {stepsOf(discovered, steps).map((step) => (
            <li key={step.number}>
              <code>{step.rule}</code>
              {step.drops && <div class="crit med">✕ drops the target: no later rule sees it</div>}
              {!step.drops && step.changes.length === 0 && <div class="t3">changes nothing</div>}
              {step.changes.map((change) => (
                <Change key={change.name} change={change} />
              ))}
            </li>
          ))}
        </ol>
      )}
    </Show>
  );
}

function Change({ change: { name, before, after } }: { change: LabelChange }) {
  return (
    <div>
      {name}: {before !== "" && <del class="t3">{before}</del>} {before !== "" && after !== "" && "→ "}
      {after !== "" ? <ins class="ok">{after}</ins> : <span class="t3">removed</span>}
    </div>
  );
}
