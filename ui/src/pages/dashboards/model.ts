// What a dashboard is made of. Built-in ones are data of this shape; Grafana's are turned into it.

import type { Unit } from "../../format/numbers";

export type Level = "ok" | "warn" | "crit";

/** From this value on, a figure is of this level. */
export interface Step {
  from: number;
  level: Level;
}

export interface Query {
  /** PromQL with `$variables`. */
  expr: string;
  /** Name of a line, with `{{label}}`; the head of a table's column. */
  legend?: string;
  /** Where it differs from the panel's. */
  unit?: Unit;
  /** A bound beside the others: never part of a stack. */
  limit?: boolean;
  /** Grafana's letter of the query. */
  id?: string;
}

export type Kind = "timeseries" | "stat" | "gauge" | "table" | "bars" | "heatmap" | "text";

export type Reducer = "last" | "first" | "min" | "max" | "mean" | "sum" | "count";

/** How a field that a rule names is shown. */
export interface Override {
  /** Matches the field's name, or the query's letter. */
  name?: string;
  pattern?: string;
  query?: string;
  unit?: Unit;
  title?: string;
  hidden?: boolean;
  thresholds?: Step[];
  decimals?: number;
}

export interface Transformation {
  id: string;
  options: Record<string, unknown>;
}

export interface Panel {
  title: string;
  detail?: string;
  kind: Kind;
  unit: Unit;
  /** Of 24 columns. */
  width: number;
  height?: number;
  min?: number;
  max?: number;
  stacked?: boolean;
  points?: boolean;
  log?: boolean;
  decimals?: number;
  thresholds?: Step[];
  /** Thresholds are drawn over the lines, too. */
  bounded?: boolean;
  queries: Query[];
  /** Labels that tell the rows of a table apart; without it all of them do. */
  by?: string[];
  /** A row of the table sets these variables from its labels. */
  pick?: Record<string, string>;
  /** Not the chart's: one that we add. */
  ours?: boolean;
  reduce?: Reducer;
  overrides?: Override[];
  transformations?: Transformation[];
  text?: string;
}

export interface Row {
  title: string;
  panels: Panel[];
  collapsed?: boolean;
}

export interface Variable {
  name: string;
  label?: string;
  /** `label_values(selector, label)`, `query_result(…)` and so on; without it `options` are all there are. */
  values?: string;
  options?: string[];
  /** Kept of what the query gives; a group of it is the value. */
  regex?: string;
  /** Somebody writes it. */
  free?: boolean;
  multi?: boolean;
  all?: boolean;
  /** What `All` stands for, instead of every value. */
  allValue?: string;
  hidden?: boolean;
  initial?: string[];
}

export interface Board {
  id: string;
  title: string;
  group: string;
  about?: string;
  variables: Variable[];
  rows: Row[];
  /** Selectors of recorded series, and what stands for them where rules do not record. */
  raw: Record<string, string>;
}

/** The level of a value. */
export function levelOf(value: number, steps: readonly Step[] | undefined): Level | undefined {
  let level: Level | undefined;
  for (const step of steps ?? []) if (value >= step.from) level = step.level;
  return level;
}
