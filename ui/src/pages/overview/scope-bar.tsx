// Which cluster, job and nodes are looked at; what leaves no choice is not shown.

import type { LabelSet } from "../../api/types";
import { hosts } from "../../charts/series";
import { count } from "../../format/numbers";
import { Several } from "../../parts/several";
import { setParams } from "../../state/url";
import { type Scope, choicesOf, writeScope } from "./scope";

export function ScopeBar({ scope, found }: { scope: Scope; found: readonly LabelSet[] }) {
  const { clusters, jobs, nodes } = choicesOf(found, scope);
  const host = hosts(nodes);
  const set = (changes: Partial<Scope>) => setParams(writeScope({ ...scope, ...changes }), true);
  const [only] = scope.nodes;
  return (
    <>
      {(clusters.length > 1 || scope.cluster !== undefined) && (
        <One label="cluster" options={clusters} chosen={scope.cluster} onChange={(cluster) => set({ cluster, job: undefined, nodes: [] })} />
      )}
      {(jobs.length > 1 || scope.job !== undefined) && <One label="job" options={jobs} chosen={scope.job} onChange={(job) => set({ job, nodes: [] })} />}
      {(nodes.length > 1 || only !== undefined) && (
        <Several
          label="nodes"
          options={nodes}
          chosen={scope.nodes}
          all
          text={only === undefined ? `all ${count(nodes.length)}` : scope.nodes.length === 1 ? host(only) : `${count(scope.nodes.length)} of ${count(nodes.length)}`}
          name={host}
          onChange={(chosen) => set({ nodes: chosen })}
        />
      )}
    </>
  );
}

function One({ label, options, chosen, onChange }: { label: string; options: readonly string[]; chosen: string | undefined; onChange: (chosen: string | undefined) => void }) {
  return (
    <label class="btn">
      <span class="k">{label}</span>
      {/* By their places: the empty text is a name too. */}
      <select class="bare" value={chosen === undefined ? "" : String(options.indexOf(chosen))} onChange={(event) => onChange(event.currentTarget.value === "" ? undefined : options[Number(event.currentTarget.value)])}>
        <option value="">all</option>
        {options.map((option, i) => (
          <option key={option} value={String(i)}>
            {option === "" ? "without a name" : option}
          </option>
        ))}
      </select>
    </label>
  );
}
