// The answers that pages use. Made from docs/openapi.json by `npm run types`: change that, not this.

/** The envelope of one query, with its name in front. */
export type BatchLine =
  | {
      id: string;
      status: "success";
      data: QueryData;
      warnings?: string[];
      infos?: string[];
    }
  | {
      id: string;
      status: "error";
      errorType: ErrorType;
      error: string;
    };
export type QueryData =
  | {
      resultType: "vector";
      result: VectorSample[];
      stats?: QueryStats;
    }
  | {
      resultType: "matrix";
      result: MatrixSeries[];
      stats?: QueryStats;
    }
  | {
      resultType: "scalar" | "string";
      result: Point;
      stats?: QueryStats;
    };
/** Time, seconds, and the value as text. */
export type Point = [number, string];
export type ErrorType = "bad_data" | "execution" | "canceled" | "timeout" | "internal" | "not_found" | "unavailable" | "forbidden";
export type ExemplarsData = ExemplarSeries[];
export type FormattedQuery = string;
export type Names = string[];
export type NotificationsData = Notification[];
export type SeriesData = LabelSet[];
export type StoredData = StoredSeries[];

export interface ActiveQueriesData {
  queries: RunningQuery[];
  maxConcurrency: number;
  memory: {
    /** Bytes. */
    used: number;
    limit: number | null;
  };
}
export interface RunningQuery {
  id: string;
  query: string;
  kind: string;
  state: string;
  started: string;
  /** Seconds. */
  age: number;
  start: number;
  end: number;
  /** Seconds; 0 for one time. */
  step: number;
  samples: number;
  bytes: number;
  peakBytes: number;
  client: string;
  userAgent: string;
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
export interface LabelSet {
  [k: string]: string;
}
export interface Alert {
  labels: LabelSet;
  annotations: LabelSet;
  state: "firing" | "pending" | "inactive";
  activeAt?: string;
  keepFiringSince?: string;
  value: string;
}
export interface AlertsData {
  alerts: Alert[];
}
export interface BacktestAlert {
  labels: LabelSet;
  /** First and last evaluation of each time, seconds. */
  pending: [number, number][];
  /** First and last evaluation of each time, seconds. */
  firing: [number, number][];
  /** The value when it began to fire. */
  values: string[];
}
export interface BacktestData {
  evaluations: number;
  alerts: BacktestAlert[];
  truncated: boolean;
  /** What fires with `rules` and not with `against`. */
  more?: BacktestDifference[];
  /** What fires with `against` and not with `rules`. */
  fewer?: BacktestDifference[];
}
export interface BacktestDifference {
  labels: LabelSet;
  /** First and last evaluation of each time, seconds. */
  firing: [number, number][];
  /** The value when it began to fire. */
  values: string[];
}
export interface BatchAsked {
  queries: BatchQuery[];
  /** For queries without one of their own; now, when left out. */
  time?: number;
}
/** With `start`, `end` or `step` it is one over a range. */
export interface BatchQuery {
  /** Names its line of the answer. */
  id: string;
  expr: string;
  time?: number;
  start?: number;
  end?: number;
  step?: number | string;
  timeout?: number | string;
  limit?: number | string;
  stats?: boolean | string;
  lookback_delta?: number | string;
}
export interface VectorSample {
  metric: LabelSet;
  value?: Point;
  histogram?: [number, Histogram];
}
export interface Histogram {
  count: string;
  sum: string;
  /** Which bounds belong to it, the bounds, the count. */
  buckets?: [number, string, string, string][];
}
export interface QueryStats {
  timings?: {
    [k: string]: number;
  };
  samples?: {
    totalQueryableSamples?: number;
    samplesRead?: number;
    peakSamples?: number;
    totalQueryableSamplesPerStep?: [number, number][];
    samplesReadPerStep?: [number, number][];
  };
}
export interface MatrixSeries {
  metric: LabelSet;
  values?: Point[];
  histograms?: [number, Histogram][];
}
export interface Block {
  ulid: string;
  /** Milliseconds. */
  minTime: number;
  /** Milliseconds; not part of it. */
  maxTime: number;
  stats: {
    numSamples?: number;
    numSeries?: number;
    numChunks?: number;
  };
  compaction: {
    level: number;
  };
}
export interface BlocksData {
  blocks: Block[];
}
export interface BuildInfo {
  /** The Prometheus that it behaves as. */
  version: string;
  revision: string;
  branch: string;
  buildUser: string;
  buildDate: string;
  goVersion: string;
}
export interface CardinalityData {
  total: number;
  /** How many there were, and when, seconds. */
  compared: {
    time: number;
    total: number;
  } | null;
  /** How many rows there would be without the limit. */
  names: number;
  /** Series of all targets' last pages that were refused. */
  refused?: number;
  rows: CardinalityRow[];
  exact: boolean;
  seconds: number;
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
export interface ChangedFlags {
  /** Flags with another value than their default, and the default. */
  changed: {
    [k: string]: string;
  };
}
export interface DamageData {
  files: DamagedFile[];
}
export interface DamagedFile {
  path: string;
  kind: string;
  min: number | null;
  max: number | null;
  offset: number | null;
  bytes: number | null;
  action: string;
  detail: string;
}
export interface DroppedTarget {
  discoveredLabels: LabelSet;
  scrapePool: string;
}
export interface EndedQuery {
  id: string;
}
export interface Exemplar {
  labels: LabelSet;
  value: string;
  timestamp: number;
}
export interface ExemplarSeries {
  seriesLabels: LabelSet;
  exemplars: Exemplar[];
}
/** The envelope of an error. */
export interface Failure {
  status: "error";
  errorType: ErrorType;
  error: string;
}
export interface FeaturesData {
  [k: string]: {
    [k: string]: boolean;
  };
}
export interface Flags {
  [k: string]: string;
}
export interface HeadStats {
  numSeries: number;
  numLabelPairs: number;
  chunkCount: number;
  /** Milliseconds. */
  minTime: number;
  /** Milliseconds. */
  maxTime: number;
}
/** By the name of the metric's family. */
export interface MetadataData {
  [k: string]: MetricMetadata[];
}
export interface MetricMetadata {
  type: string;
  unit: string;
  help: string;
}
export interface Notification {
  text: string;
  date: string;
  active: boolean;
}
/** A part of a query and what it cost, its own parts included. */
export interface PlanNode {
  /** What the engine does. */
  node: string;
  /** Where it stands in the query. */
  span: [number, number];
  series: number;
  samples: number;
  seconds: number;
  bytes: number;
  children: PlanNode[];
}
export interface RangeData {
  resultType: "matrix";
  result: MatrixSeries[];
  stats?: QueryStats;
}
export interface RelabelData {
  steps: RelabelStep[];
}
export interface RelabelStep {
  rule: RelabelRule;
  output: LabelSet;
  keep: boolean;
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
export interface Replay {
  min: number;
  max: number;
  current: number;
  /** narthex's own, as the next. */
  bytesRead?: number;
  bytesTotal?: number;
}
export interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  health: "ok" | "err" | "unknown";
  lastError?: string;
  /** Seconds. */
  evaluationTime: number;
  lastEvaluation: string;
  labels?: LabelSet;
  /** Alerting rules only, as what follows. */
  state?: "firing" | "pending" | "inactive" | "unknown";
  /** Seconds. */
  duration?: number;
  /** Seconds. */
  keepFiringFor?: number;
  annotations?: LabelSet;
  alerts?: Alert[];
}
export interface RuleGroup {
  name: string;
  file: string;
  /** Seconds. */
  interval: number;
  limit?: number;
  /** Seconds. */
  evaluationTime: number;
  lastEvaluation: string;
  rules: Rule[];
}
export interface RulesData {
  groups: RuleGroup[];
  groupNextToken?: string;
}
export interface RuntimeInfo {
  startTime: string;
  CWD: string;
  hostname: string;
  serverTime: string;
  reloadConfigSuccess: boolean;
  /** narthex's own. */
  reloadConfigError?: string;
  lastConfigTime: string;
  corruptionCount: number;
  goroutineCount: number;
  GOMAXPROCS: number;
  GOMEMLIMIT: number;
  GOGC: string;
  GODEBUG: string;
  storageRetention: string;
}
export interface ScrapePoolsData {
  scrapePools: string[];
}
/** Samples as they are stored; a staleness marker has no value. */
export interface StoredSeries {
  metric: LabelSet;
  values?: [number, string | null][];
  histograms?: [number, Histogram][];
}
/** The envelope of an answer. */
export interface Success {
  status: "success";
  data: unknown;
  warnings?: string[];
  infos?: string[];
}
export interface TargetsData {
  activeTargets: ActiveTarget[];
  droppedTargets: DroppedTarget[];
  droppedTargetCounts: {
    [k: string]: number;
  } | null;
}
export interface TopQueriesData {
  queries: TopQuery[];
}
export interface TopQuery {
  /** The shape. */
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
export interface TryAsked {
  scrapePool: string;
  labels: LabelSet;
}
/** What a target told when it was tried. */
export interface TryData {
  /** HTTP status; `null` when there was no answer. */
  status: number | null;
  seconds: number;
  /** Of the page, unpacked. */
  bytes: number;
  /** Before metric relabelling. */
  samples: number;
  error: string | null;
  /** How the page begins. */
  head: string;
}
export interface TsdbData {
  headStats: HeadStats;
  seriesCountByMetricName: TsdbRow[];
  labelValueCountByLabelName: TsdbRow[];
  memoryInBytesByLabelName: TsdbRow[];
  seriesCountByLabelValuePair: TsdbRow[];
}
export interface TsdbRow {
  name: string;
  value: number;
}
export interface YamlData {
  yaml: string;
}

/** What `GET` answers, by path. */
export interface Gets {
  "query": QueryData;
  "query_range": RangeData;
  "query_exemplars": ExemplarsData;
  "format_query": FormattedQuery;
  "series": SeriesData;
  "labels": Names;
  [path: `label/${string}/values`]: Names;
  "metadata": MetadataData;
  "targets": TargetsData;
  "targets/relabel_steps": RelabelData;
  "scrape_pools": ScrapePoolsData;
  "scrape_pools/config": YamlData;
  "rules": RulesData;
  "alerts": AlertsData;
  "notifications": NotificationsData;
  "features": FeaturesData;
  "status/buildinfo": BuildInfo;
  "status/config": YamlData;
  "status/flags": Flags;
  "status/runtimeinfo": RuntimeInfo;
  "status/tsdb": TsdbData;
  "status/tsdb/blocks": BlocksData;
  "status/walreplay": Replay;
  "narthex/cardinality": CardinalityData;
  "narthex/explain": PlanNode;
  "narthex/flags": ChangedFlags;
  "narthex/queries/active": ActiveQueriesData;
  "narthex/queries/top": TopQueriesData;
  "narthex/samples": StoredData;
  "narthex/storage/damage": DamageData;
}

/** What `POST` answers, by path. */
export interface Posts {
  "query": QueryData;
  "query_range": RangeData;
  "query_exemplars": ExemplarsData;
  "format_query": FormattedQuery;
  "series": SeriesData;
  "labels": Names;
  "narthex/explain": PlanNode;
  "narthex/rules/backtest": BacktestData;
  "narthex/samples": StoredData;
  "narthex/targets/try": TryData;
}

/** What `DELETE` answers, by path. */
export interface Deletes {
  [path: `narthex/queries/active/${string}`]: EndedQuery;
}
