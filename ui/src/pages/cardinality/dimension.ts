// What series are counted by, and the selector of those behind a row.

import type { CardinalityRow } from "../../api/types";

export const BY = [
  ["metric", "Metrics"],
  ["label", "Labels"],
  ["pair", "Pairs"],
  ["job", "Jobs"],
  ["target", "Targets"],
] as const;

export type By = (typeof BY)[number][0];

/** A label's name as a matcher has to write it: quoted unless it is an ordinary one. */
function labelName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

/** The series that a row counts. */
export function selector(by: By, row: CardinalityRow): string {
  const equals = (name: string, value: string) => `${labelName(name)}=${JSON.stringify(value)}`;
  switch (by) {
    case "metric":
      return `{${equals("__name__", row.name)}}`;
    case "label":
      return `{${labelName(row.name)}!=""}`;
    case "pair":
      return `{${equals(row.label ?? "", row.value ?? "")}}`;
    case "job":
      return `{${equals("job", row.name)}}`;
    case "target":
      return `{${equals("job", row.job ?? "")}, ${equals("instance", row.instance ?? "")}}`;
  }
}

/** Labels that tell targets apart, or belong to the type: nothing that a metric could do without. */
const NEEDED = new Set(["__name__", "job", "instance", "le", "quantile"]);

/** The label that makes a metric large, if one does: it has the most values of those that are not needed. */
export function driving(labels: readonly CardinalityRow[]): CardinalityRow | undefined {
  return labels
    .filter((label) => !NEEDED.has(label.name) && (label.values ?? 0) > 1)
    .sort((a, b) => (b.values ?? 0) - (a.values ?? 0))[0];
}

/** A rule that refuses a metric's series that have the label, at the scrape. */
export function dropRule(metric: string, label: string): string {
  const regex = `${metric.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")};.+`;
  return ["metric_relabel_configs:", "  - action: drop", `    source_labels: [__name__, ${labelName(label)}]`, `    regex: ${JSON.stringify(regex)}`].join("\n");
}
