// What Overview looks at: a cluster, a job, some nodes, or everything. In the address: `cluster=…&job=…&node=a,b`.

import type { LabelSet } from "../../api/types";
import { narrow } from "../../query/selectors";
import { readList, writeList } from "../../state/list";

export interface Scope {
  /** The empty name is that of what has none; `undefined` is all of them. */
  cluster: string | undefined;
  job: string | undefined;
  /** Values of `instance`; empty where all of them are looked at. */
  nodes: readonly string[];
}

/** What can be chosen: which node is where, and which clusters there are besides. */
export const CHOICES = "group by (cluster, job, instance) (node_load1) or group by (cluster) (up)";

export function readScope(params: URLSearchParams): Scope {
  const nodes = params.get("node");
  return { cluster: params.get("cluster") ?? undefined, job: params.get("job") ?? undefined, nodes: nodes === null || nodes === "" ? [] : readList(nodes) };
}

/** Parameters of the address for a scope. Another cluster or job has other nodes. */
export function writeScope({ cluster, job, nodes }: Scope): Record<"cluster" | "job" | "node", string | null> {
  return { cluster: cluster ?? null, job: job ?? null, node: nodes.length === 0 ? null : writeList(nodes) };
}

const quote = (text: string) => JSON.stringify(text);
/** A value as a pattern that matches it alone. */
const literal = (text: string) => text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");

/** Metrics that tell of the server itself, wherever it looks. */
const OWN = /^(prometheus|narthex)_/;
/** Of objects of a cluster, whose `instance` and `job` are those of who tells of them. */
const OBJECTS = /^kube_/;

/** Matchers for a metric. Those that say the empty name match what has no such label. */
function matchers({ cluster, job, nodes }: Scope, metric: string): string[] {
  if (OWN.test(metric)) return [];
  const found = cluster === undefined ? [] : [`cluster=${quote(cluster)}`];
  if (OBJECTS.test(metric)) return found;
  // Alerts carry the labels of what they are about: seldom its job.
  if (job !== undefined && metric !== "ALERTS") found.push(`job=${quote(job)}`);
  const [first] = nodes;
  if (first !== undefined) found.push(nodes.length === 1 ? `instance=${quote(first)}` : `instance=~${quote(nodes.map(literal).join("|"))}`);
  return found;
}

/** A query about what is in scope. */
export function scoped(query: string, scope: Scope): string {
  return narrow(query, (metric) => matchers(scope, metric));
}

/** All queries of an object, by name. */
export function scopedAll<Name extends string>(queries: Record<Name, string>, scope: Scope): Record<Name, string> {
  return Object.fromEntries(Object.entries<string>(queries).map(([name, query]) => [name, scoped(query, scope)])) as Record<Name, string>;
}

export interface Choices {
  clusters: string[];
  jobs: string[];
  nodes: string[];
}

/** What can be chosen within what is chosen already, in order; what is chosen is among it, even where it is gone. */
export function choicesOf(found: readonly LabelSet[], scope: Scope): Choices {
  const inCluster = found.filter((one) => scope.cluster === undefined || (one["cluster"] ?? "") === scope.cluster);
  const nodes = inCluster.filter((one) => one["instance"] !== undefined);
  const inJob = nodes.filter((one) => scope.job === undefined || one["job"] === scope.job);
  const sorted = (values: readonly (string | undefined)[]) => [...new Set(values.flatMap((value) => (value === undefined ? [] : [value])))].sort();
  return {
    clusters: sorted([...found.map((one) => one["cluster"] ?? ""), scope.cluster]),
    jobs: sorted([...nodes.map((one) => one["job"]), scope.job]),
    nodes: sorted([...inJob.map((one) => one["instance"]), ...scope.nodes]),
  };
}
