// What each relabelling rule of a job makes of a target's labels.

import type { LabelSet, RelabelRule, RelabelStep } from "../../api/types";

export interface Step {
  /** Counts from 1, as the rules stand in the configuration. */
  number: number;
  rule: string;
  changes: LabelChange[];
  /** This rule dropped the target. */
  drops: boolean;
}

export interface LabelChange {
  name: string;
  /** Empty where the label was not there. */
  before: string;
  /** Empty where the label is gone. */
  after: string;
}

/** What rules hold that do not say otherwise. */
const DEFAULTS: Readonly<Record<string, unknown>> = { separator: ";", regex: "(.*)", replacement: "$1", action: "replace" };
const ORDER = ["action", "source_labels", "separator", "regex", "modulus", "target_label", "replacement"] as const;

/** A rule in one line, without what is as always. */
export function ruleText(rule: RelabelRule): string {
  const shown = ORDER.filter((key) => rule[key] !== undefined && (key === "action" || rule[key] !== DEFAULTS[key]));
  return shown.map((key) => `${key}: ${plain(rule[key])}`).join(", ");
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  return typeof value === "string" && !/^[\w.$(){}|*+?^\\/-]+$/.test(value) ? JSON.stringify(value) : String(value);
}

/** The steps up to the rule that drops the target, if one does. */
export function stepsOf(discovered: LabelSet, steps: readonly RelabelStep[]): Step[] {
  const out: Step[] = [];
  let before = discovered;
  for (const [i, { rule, output, keep }] of steps.entries()) {
    out.push({ number: i + 1, rule: ruleText(rule), changes: keep ? changesOf(before, output) : [], drops: !keep });
    if (!keep) break;
    before = output;
  }
  return out;
}

function changesOf(before: LabelSet, after: LabelSet): LabelChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.map((name) => ({ name, before: before[name] ?? "", after: after[name] ?? "" })).filter((change) => change.before !== change.after);
}
