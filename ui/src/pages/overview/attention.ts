// What needs attention: built-in expressions, each telling who, what and how much. The page lists them.

import type { Value } from "../../api/promql";
import { type Values, metricText } from "../../charts/series";
import { duration, format } from "../../format/numbers";
import type { LabelSet } from "../../api/types";
import { type Scope, scoped } from "./scope";
import { REAL_DEVICES } from "./use";

export interface Check {
  id: string;
  severity: "critical" | "warning";
  /** Elements of its answer are what needs attention. */
  query: string;
  who: (labels: LabelSet) => string;
  what: (labels: LabelSet) => string;
  detail: (value: number, labels: LabelSet) => string;
  /** What is drawn for an element, and looked at in Explore. */
  graph: (labels: LabelSet) => string;
}

export interface Finding {
  check: Check;
  who: string;
  what: string;
  detail: string;
  graph: string;
  /** Tells its series from others of the check; empty for several together. */
  series: string;
}

const REAL_FS = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|devtmpfs"';
const quote = (text: string | undefined) => JSON.stringify(text ?? "");
const instance = (labels: LabelSet) => labels["instance"] ?? labels["job"] ?? "";

export const CHECKS: readonly Check[] = [
  {
    id: "target-down",
    severity: "critical",
    query: "count by (job) (up == 0)",
    who: (labels) => labels["job"] ?? "",
    what: () => "Targets down",
    detail: (value) => `${value} cannot be scraped`,
    graph: (labels) => `count by (job) (up{job=${quote(labels["job"])}} == 1)`,
  },
  {
    id: "alert-firing",
    severity: "critical",
    query: 'count by (alertname, severity) (ALERTS{alertstate="firing", alertname!~"Watchdog|InfoInhibitor"})',
    who: (labels) => labels["alertname"] ?? "",
    what: (labels) => `Alert fires${labels["severity"] ? ` (${labels["severity"]})` : ""}`,
    detail: (value) => `${value} of it`,
    graph: (labels) => `count(ALERTS{alertname=${quote(labels["alertname"])}, alertstate="firing"})`,
  },
  {
    id: "disk-busy",
    severity: "critical",
    query: "rate(node_disk_io_time_seconds_total[5m]) > 0.9",
    who: instance,
    what: (labels) => `${labels["device"] ?? "disk"} saturated`,
    detail: (value) => `${format(value, "ratio")} busy over 5 min`,
    graph: (labels) => `rate(node_disk_io_time_seconds_total{instance=${quote(labels["instance"])}, device=${quote(labels["device"])}}[5m])`,
  },
  {
    id: "memory-pressure",
    severity: "critical",
    query:
      "(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) > 0.9 and on (instance) rate(node_vmstat_pgmajfault[5m]) > 10",
    who: instance,
    what: () => "Memory pressure",
    detail: (value) => `${format(value, "ratio")} used, with major page faults`,
    graph: (labels) => `1 - node_memory_MemAvailable_bytes{instance=${quote(labels["instance"])}} / node_memory_MemTotal_bytes`,
  },
  {
    id: "oom",
    severity: "critical",
    query: "increase(node_vmstat_oom_kill[1h]) > 0",
    who: instance,
    what: () => "Out of memory",
    detail: (value) => `${Math.round(value)} processes killed in the last hour`,
    graph: (labels) => `increase(node_vmstat_oom_kill{instance=${quote(labels["instance"])}}[5m])`,
  },
  {
    id: "fs-full",
    severity: "critical",
    query: `1 - node_filesystem_avail_bytes{${REAL_FS}} / node_filesystem_size_bytes{${REAL_FS}} > 0.95`,
    who: instance,
    what: (labels) => `${labels["mountpoint"] ?? "file system"} nearly full`,
    detail: (value) => `${format(value, "ratio")} used`,
    graph: (labels) => `node_filesystem_avail_bytes{instance=${quote(labels["instance"])}, mountpoint=${quote(labels["mountpoint"])}}`,
  },
  {
    id: "fs-fills",
    severity: "warning",
    // Half an hour of samples at least: a trend of less is noise.
    query: `node_filesystem_avail_bytes{${REAL_FS}} / -deriv(node_filesystem_avail_bytes{${REAL_FS}}[6h]) > 0 < 86400 and predict_linear(node_filesystem_avail_bytes{${REAL_FS}}[6h], 86400) < 0 and node_filesystem_avail_bytes{${REAL_FS}} offset 30m`,
    who: instance,
    what: (labels) => `${labels["mountpoint"] ?? "file system"} fills up`,
    detail: (value) => `full in about ${duration(value)} at the rate of the last 6 h`,
    graph: (labels) => `node_filesystem_avail_bytes{instance=${quote(labels["instance"])}, mountpoint=${quote(labels["mountpoint"])}}`,
  },
  {
    id: "cpu-busy",
    severity: "warning",
    query: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode=~"idle|iowait"}[5m])) * 2 > 0.95',
    who: instance,
    what: () => "CPU saturated",
    detail: (value) => `${format(value, "ratio")} busy over 5 min`,
    graph: (labels) => `1 - avg(rate(node_cpu_seconds_total{instance=${quote(labels["instance"])}, mode="idle"}[5m]))`,
  },
  {
    id: "drops",
    severity: "warning",
    query: `rate(node_network_receive_drop_total{${REAL_DEVICES}}[5m]) > 10`,
    who: instance,
    what: (labels) => `Receive drops on ${labels["device"] ?? "a device"}`,
    detail: (value) => `${format(value, "per second")} packets dropped`,
    graph: (labels) => `rate(node_network_receive_drop_total{instance=${quote(labels["instance"])}, device=${quote(labels["device"])}}[5m])`,
  },
  {
    id: "errors",
    severity: "warning",
    query:
      `rate(node_network_receive_errs_total{${REAL_DEVICES}}[5m]) + rate(node_network_transmit_errs_total{${REAL_DEVICES}}[5m]) > 1`,
    who: instance,
    what: (labels) => `Network errors on ${labels["device"] ?? "a device"}`,
    detail: (value) => `${format(value, "per second")} of them`,
    graph: (labels) => `rate(node_network_receive_errs_total{instance=${quote(labels["instance"])}, device=${quote(labels["device"])}}[5m])`,
  },
  {
    id: "read-only",
    severity: "critical",
    query: `node_filesystem_readonly{${REAL_FS}} == 1 and node_filesystem_readonly offset 1h == 0`,
    who: instance,
    what: (labels) => `${labels["mountpoint"] ?? "file system"} became read-only`,
    detail: () => "within the last hour",
    graph: (labels) => `node_filesystem_readonly{instance=${quote(labels["instance"])}, mountpoint=${quote(labels["mountpoint"])}}`,
  },
  {
    id: "clock",
    severity: "warning",
    query: "abs(node_timex_offset_seconds) > 0.05",
    who: instance,
    what: () => "Clock is off",
    detail: (value) => `by ${duration(value)}`,
    graph: (labels) => `node_timex_offset_seconds{instance=${quote(labels["instance"])}}`,
  },
  {
    id: "pods",
    severity: "warning",
    query: 'sum by (namespace) (kube_pod_status_phase{phase=~"Pending|Failed|Unknown"}) > 0',
    who: (labels) => labels["namespace"] ?? "",
    what: () => "Pods not running",
    detail: (value) => `${value} pending, failed or unknown`,
    graph: (labels) => `sum by (phase) (kube_pod_status_phase{namespace=${quote(labels["namespace"])}, phase=~"Pending|Failed|Unknown"})`,
  },
  {
    id: "rule-broken",
    severity: "warning",
    query: "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[15m])) > 0",
    who: (labels) => (labels["rule_group"] ?? "").split(";").pop() ?? "",
    what: () => "Rule cannot be evaluated",
    detail: (value) => `${Math.round(value)} failures in 15 min`,
    graph: (labels) => `increase(prometheus_rule_evaluation_failures_total{rule_group=${quote(labels["rule_group"])}}[5m])`,
  },
  {
    id: "own-log",
    severity: "critical",
    query: "narthex_storage_log_failing == 1",
    who: () => "narthex",
    what: () => "Write-ahead log cannot be written",
    detail: () => "samples are not stored; is the disk full?",
    graph: () => "narthex_storage_log_failures_total",
  },
  {
    id: "own-damage",
    severity: "warning",
    query: "narthex_storage_damaged_places > 0",
    who: () => "narthex",
    what: () => "Damaged files on the disk",
    detail: (value) => `${value} places, set aside; see Status`,
    graph: () => "narthex_storage_damaged_places",
  },
  {
    id: "config",
    severity: "warning",
    query: "prometheus_config_last_reload_successful == 0",
    who: instance,
    what: () => "Configuration could not be reloaded",
    detail: () => "the old one is still in force",
    graph: () => "prometheus_config_last_reload_successful",
  },
];

/** A check of what is in scope. */
export function scopedCheck(check: Check, scope: Scope): Check {
  return { ...check, query: scoped(check.query, scope), graph: (labels) => scoped(check.graph(labels), scope) };
}

/** Most findings of one check; the rest is told as a number. */
const EACH = 5;

/** What a check found. */
export function findings(check: Check, found: readonly Value[]): Finding[] {
  const shown = found.slice(0, EACH).map(({ labels, value }) => ({
    check,
    who: check.who(labels),
    what: check.what(labels),
    detail: check.detail(value, labels),
    graph: check.graph(labels),
    series: metricText(labels),
  }));
  const more = found.length - shown.length;
  if (more > 0) {
    shown.push({ check, who: `${more} more`, what: check.what({}), detail: "", graph: check.query, series: "" });
  }
  return shown;
}

/** Critical ones first. */
export function worstFirst(all: readonly Finding[]): Finding[] {
  const weight = (finding: Finding) => (finding.check.severity === "critical" ? 0 : 1);
  return [...all].sort((a, b) => weight(a) - weight(b));
}

/** Since when the last of the steps are without a gap: the first of them, or `undefined` where that was before the first step. */
export function since(values: Values, times: readonly number[]): number | undefined {
  const known = (i: number) => !Number.isNaN(values[i] ?? NaN);
  let first = values.length - 1;
  while (first >= 0 && !known(first)) first -= 1;
  while (first > 0 && known(first - 1)) first -= 1;
  return first > 0 ? times[first] : undefined;
}
