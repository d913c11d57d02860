// An hour of a cluster up to now, from expositions of its exporters, as text that `narthex tsdb import openmetrics`
// takes: `node cluster-data.mjs DIRECTORY > history.om`. Pictures for the documentation are of it.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const LENGTH = 3900;
const STEP = 30;

/** What the dashboards ask for. */
const WANTED =
  /^(container_(cpu|memory|network|fs|blkio)_|kube_(namespace_status|pod_(info|owner|status_phase|status_ready|container_resource)|node_status|resourcequota|replicaset_owner|(deployment|daemonset|statefulset)_)|kubelet_volume|node_(cpu_seconds|load|memory|disk_io|filesystem|network_(receive|transmit)_(bytes|drop|errs)|vmstat_(pgmajfault|oom_kill)|time_seconds|uname|timex_offset))/;

/** `name{labels} value [time]` of a page. */
function* lines(text) {
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/.exec(line);
    if (found && WANTED.test(found[1])) yield { name: found[1], labels: found[2] ?? "", value: Number(found[3]) };
  }
}

/** Whole numbers that look like chance, the same for the same text. */
function chance(text) {
  let hash = 2166136261;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  return hash / 2 ** 32;
}

/** How fast a counter grows, a second. */
function rate(name, labels, own) {
  if (name === "node_cpu_seconds_total") return /mode="idle"/.test(labels) ? 0.45 + own / 3 : /mode="(user|system)"/.test(labels) ? 0.05 + own / 6 : own / 400;
  if (/seconds/.test(name)) return own / 8;
  if (/bytes/.test(name)) return own * own * 200_000;
  return own * own * 2;
}

const COUNTER = /_total$|^node_vmstat_pgmajfault$/;
const CONSTANT = /^(kube_|node_(uname|filesystem_size|memory_MemTotal))/;

function valueAt(name, labels, value, instance, seconds) {
  if (name === "node_time_seconds") return Math.floor(Date.now() / 1000) - LENGTH + seconds;
  if (CONSTANT.test(name) || name === "node_vmstat_oom_kill" || Number.isNaN(value)) return value;
  const own = chance(name + labels + instance);
  const turn = (2 * Math.PI) / (600 + 2400 * own);
  if (!COUNTER.test(name)) return value * (0.8 + 0.25 * own + 0.06 * Math.sin(turn * seconds + 6 * own));
  const mean = rate(name, labels, own);
  return value + mean * seconds + ((mean * 0.35) / turn) * (1 - Math.cos(turn * seconds));
}

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: cluster-data.mjs DIRECTORY");
const page = (name) => readFileSync(join(directory, name), "utf8");
const nodes = ["1", "2", "3"].map((n) => [page("node-exporter.txt"), `job="node-exporter",instance="10.0.0.1${n}:9100",node="node-${n}"`]);
const pages = [
  ...nodes,
  [page("kube-state-metrics.txt"), 'job="kube-state-metrics",instance="10.244.0.5:8080"'],
  [page("kubelet.txt"), 'job="kubelet",instance="10.0.0.11:10250",metrics_path="/metrics"'],
  [page("kubelet-cadvisor.txt"), 'job="kubelet",instance="10.0.0.11:10250",metrics_path="/metrics/cadvisor"'],
];
const begin = Math.floor(Date.now() / 1000) - LENGTH;
const all = [];
for (const [text, target] of pages) {
  const extra = target.split(",").map((pair) => [pair.split("=")[0], pair]);
  for (const { name, labels, value } of lines(text)) {
    const added = extra.filter(([label]) => !new RegExp(`(^|,)${label}=`).test(labels)).map(([, pair]) => pair);
    all.push({ name, labels: [labels, ...added].filter((part) => part !== "").join(","), value, target });
  }
  all.push({ name: "up", labels: target, value: 1, target: "" });
}
all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
const out = [];
for (const { name, labels, value, target } of all) {
  for (let seconds = 0; seconds <= LENGTH; seconds += STEP) {
    const at = name === "up" ? 1 : valueAt(name, labels, value, target, seconds);
    out.push(`${name}{${labels}} ${at} ${begin + seconds}`);
  }
}
process.stdout.write(`${out.join("\n")}\n# EOF\n`);
