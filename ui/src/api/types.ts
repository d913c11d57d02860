// The answers that pages use, as docs of the API describe them.

export type LabelSet = Record<string, string>;
export type Point = [number, string];

export interface Histogram {
  count: string;
  sum: string;
  buckets?: [number, string, string, string][];
}

export interface VectorSample {
  metric: LabelSet;
  value?: Point;
  histogram?: [number, Histogram];
}

export interface MatrixSeries {
  metric: LabelSet;
  values?: Point[];
  histograms?: [number, Histogram][];
}

/** Samples as they are stored; a staleness marker has no value. */
export interface StoredSeries {
  metric: LabelSet;
  values?: [number, string | null][];
  histograms?: [number, Histogram][];
}

export interface QueryStats {
  timings?: Record<string, number>;
  samples?: { totalQueryableSamples?: number; peakSamples?: number };
}

export type QueryData =
  | { resultType: "vector"; result: VectorSample[]; stats?: QueryStats }
  | { resultType: "matrix"; result: MatrixSeries[]; stats?: QueryStats }
  | { resultType: "scalar" | "string"; result: Point; stats?: QueryStats };

export interface RangeData {
  resultType: "matrix";
  result: MatrixSeries[];
  stats?: QueryStats;
}

export interface ExemplarSeries {
  seriesLabels: LabelSet;
  exemplars: { labels: LabelSet; value: string; timestamp: number }[];
}

export interface ActiveTarget {
  discoveredLabels: LabelSet;
  labels: LabelSet;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval: string;
  scrapeTimeout: string;
}

export interface TargetsData {
  activeTargets: ActiveTarget[];
  droppedTargets: { discoveredLabels: LabelSet; scrapePool: string }[];
  droppedTargetCounts: Record<string, number> | null;
}

/** What a target told when it was tried. */
export interface TryData {
  /** `null` when there was no answer. */
  status: number | null;
  seconds: number;
  bytes: number;
  samples: number;
  error: string | null;
  /** How the page begins. */
  head: string;
}

export interface RelabelRule {
  action: string;
  source_labels?: string[];
  separator?: string;
  regex?: string;
  modulus?: number;
  target_label?: string;
  replacement?: string;
}

export interface RelabelStep {
  rule: RelabelRule;
  /** The labels after the rule. */
  output: LabelSet;
  keep: boolean;
}

export interface Alert {
  labels: LabelSet;
  annotations: LabelSet;
  state: "firing" | "pending" | "inactive";
  activeAt?: string;
  value: string;
}

export interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  health: "ok" | "err" | "unknown";
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
  labels?: LabelSet;
  /** Alerting rules only. */
  state?: "firing" | "pending" | "inactive" | "unknown";
  duration?: number;
  keepFiringFor?: number;
  annotations?: LabelSet;
  alerts?: Alert[];
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  limit?: number;
  evaluationTime: number;
  lastEvaluation: string;
  rules: Rule[];
}

export interface RulesData {
  groups: RuleGroup[];
  groupNextToken?: string;
}

export interface BacktestAlert {
  labels: LabelSet;
  /** First and last evaluation of each time, seconds. */
  pending: [number, number][];
  firing: [number, number][];
  /** The value when it began to fire. */
  values: string[];
}

export interface BacktestData {
  evaluations: number;
  alerts: BacktestAlert[];
  truncated: boolean;
}

export interface RunningQuery {
  id: string;
  query: string;
  kind: string;
  state: string;
  started: string;
  age: number;
  start: number;
  end: number;
  step: number;
  samples: number;
  bytes: number;
  peakBytes: number;
  client: string;
  userAgent: string;
}

export interface ActiveQueriesData {
  queries: RunningQuery[];
  maxConcurrency: number;
  memory: { used: number; limit: number | null };
}

export interface TopQuery {
  query: string;
  example: string;
  source: string;
  calls: number;
  failed: number;
  seconds: number;
  p50: number;
  p99: number;
  samples: number;
  peakBytes: number;
}

export interface CardinalityRow {
  name: string;
  series: number;
  delta: number | null;
  bytes?: number;
  /** Of a label. */
  values?: number | null;
  top_job?: string | null;
  top_label?: string | null;
  last_queried?: number | null;
  /** Series that a budget refused, of who brings them. */
  refused?: number;
  /** Parts of the name of a pair. */
  label?: string;
  value?: string;
  /** Parts of the name of a target. */
  job?: string;
  instance?: string;
}

export interface CardinalityData {
  total: number;
  /** How many there were, and when, seconds. */
  compared: { time: number; total: number } | null;
  /** How many rows there would be without the limit. */
  names: number;
  rows: CardinalityRow[];
  exact: boolean;
  seconds: number;
}

export interface DamageData {
  files: {
    path: string;
    kind: string;
    min: number | null;
    max: number | null;
    offset: number | null;
    bytes: number | null;
    action: string;
    detail: string;
  }[];
}
