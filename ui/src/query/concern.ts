// Whether an alerting rule is about what a query reads, and an alert about what is drawn of it.

import type { LabelSet } from "../api/types";
import { type Matcher, type Selector, matches } from "./selectors";

/** Metrics that others are joined with, for their labels: who reads the same of them is about nothing in common. */
const JOINED = /(_info|_labels|_annotations|_role|_owner)$|^(namespace_workload_pod:|node_namespace_pod:)/;

/** Labels that name the alert and not what it is about. */
const OF_ALERT = new Set(["__name__", "alertname", "alertstate", "severity"]);

/** Whether some value is what both ask for; where that is hard to say it is. */
function agree(one: Matcher, other: Matcher): boolean {
  if (one.label !== other.label) return true;
  if (one.op === "=") return matches(other, one.value);
  if (other.op === "=") return matches(one, other.value);
  return true;
}

function overlap(one: Selector, other: Selector): boolean {
  return one.name !== "" && one.name === other.name && !JOINED.test(one.name) && one.matchers.every((own) => other.matchers.every((theirs) => agree(own, theirs)));
}

/** The selectors of a query that a rule may read series of, too. */
export function shared(rule: readonly Selector[], query: readonly Selector[]): Selector[] {
  return query.filter((one) => rule.some((other) => overlap(one, other)));
}

/** Whether an alert with these labels is about what selectors read, and about one of the lines that are drawn. */
export function about(alert: LabelSet, read: readonly Selector[], lines: readonly LabelSet[]): boolean {
  const own = Object.entries(alert).filter(([label]) => !OF_ALERT.has(label));
  const selected = read.some(({ matchers }) => matchers.every((matcher) => !(matcher.label in alert) || OF_ALERT.has(matcher.label) || matches(matcher, alert[matcher.label] ?? "")));
  return selected && lines.some((line) => own.every(([label, value]) => line[label] === undefined || line[label] === value));
}
