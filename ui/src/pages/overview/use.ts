// Utilisation, saturation and errors of nodes: what is asked, and how it is measured.

import type { Unit } from "../../format/numbers";
import { type Scope, scoped } from "./scope";

export interface Figure {
  id: string;
  title: string;
  unit: Unit;
  /** By `instance`; `W` stands for the window of rates. */
  query: string;
  /** For a host alone: by its parts. */
  parts?: { query: string; label: string };
  /** The axis reaches at least so far. */
  max?: number;
  /** From here on it is a matter of concern, from there on it is bad. */
  levels?: [number, number];
  /** All nodes together: the mean, or the sum. */
  together: "mean" | "sum" | "max";
}

export interface Resource {
  title: string;
  figures: [Figure, Figure];
  errors: { title: string; query: string; unit: Unit }[];
}

const CPUS = 'count by (instance) (node_cpu_seconds_total{mode="idle"})';
/** Not what a host makes up for its containers. */
export const REAL_DEVICES = 'device!~"lo|veth.+|ifb.+|docker.+|br-.+"';

/** Disks in memory and loops are none. */
const REAL_DISKS = 'device!~"zram.+|ram.+|loop.+"';

export const RESOURCES: readonly Resource[] = [
  {
    title: "CPU",
    figures: [
      {
        id: "cpu",
        title: "Utilisation",
        unit: "ratio",
        query: `1 - sum by (instance) (rate(node_cpu_seconds_total{mode=~"idle|iowait|steal"}[W])) / ${CPUS}`,
        max: 1,
        levels: [0.8, 0.95],
        together: "mean",
      },
      { id: "load", title: "Load 1 per core", unit: "number", query: `max by (instance) (node_load1) / ${CPUS}`, max: 1, levels: [1, 2], together: "mean" },
    ],
    errors: [
      { title: "steal", query: 'avg(rate(node_cpu_seconds_total{mode="steal"}[W]))', unit: "ratio" },
      { title: "I/O wait", query: 'avg(rate(node_cpu_seconds_total{mode="iowait"}[W]))', unit: "ratio" },
    ],
  },
  {
    title: "Memory",
    figures: [
      {
        id: "memory",
        title: "Utilisation",
        unit: "ratio",
        query: "1 - max by (instance) (node_memory_MemAvailable_bytes) / max by (instance) (node_memory_MemTotal_bytes)",
        max: 1,
        levels: [0.85, 0.92],
        together: "mean",
      },
      { id: "faults", title: "Major faults", unit: "per second", query: "max by (instance) (rate(node_vmstat_pgmajfault[W]))", levels: [10, 30], together: "sum" },
    ],
    errors: [{ title: "OOM kills, 1 h", query: "sum(increase(node_vmstat_oom_kill[1h]))", unit: "count" }],
  },
  {
    title: "Disk I/O",
    figures: [
      {
        id: "disk",
        title: "Utilisation (busiest device)",
        unit: "ratio",
        query: "max by (instance) (rate(node_disk_io_time_seconds_total[W]))",
        parts: { query: `rate(node_disk_io_time_seconds_total{${REAL_DISKS}}[W])`, label: "device" },
        max: 1,
        levels: [0.8, 0.95],
        together: "max",
      },
      {
        id: "queue",
        title: "Queue length",
        unit: "number",
        query: "max by (instance) (rate(node_disk_io_time_weighted_seconds_total[W]))",
        parts: { query: `rate(node_disk_io_time_weighted_seconds_total{${REAL_DISKS}}[W])`, label: "device" },
        levels: [5, 10],
        together: "max",
      },
    ],
    errors: [
      { title: "read-only", query: 'count(node_filesystem_readonly{fstype!~"squashfs|iso9660|tmpfs|overlay"} == 1)', unit: "count" },
      { title: "device errors", query: "sum(node_filesystem_device_error)", unit: "count" },
    ],
  },
  {
    title: "Network",
    figures: [
      {
        id: "received",
        title: "Received",
        unit: "bytes/s",
        query: `sum by (instance) (rate(node_network_receive_bytes_total{${REAL_DEVICES}}[W]))`,
        parts: { query: `rate(node_network_receive_bytes_total{${REAL_DEVICES}}[W])`, label: "device" },
        together: "sum",
      },
      {
        id: "drops",
        title: "Drops",
        unit: "per second",
        query: `sum by (instance) (rate(node_network_receive_drop_total{${REAL_DEVICES}}[W]) + rate(node_network_transmit_drop_total{${REAL_DEVICES}}[W]))`,
        parts: { query: `rate(node_network_receive_drop_total{${REAL_DEVICES}}[W])`, label: "device" },
        levels: [10, 1000],
        together: "sum",
      },
    ],
    errors: [
      {
        title: "errors",
        query: `sum(rate(node_network_receive_errs_total{${REAL_DEVICES}}[W]) + rate(node_network_transmit_errs_total{${REAL_DEVICES}}[W]))`,
        unit: "per second",
      },
    ],
  },
];

/** What is asked of a resource in scope. */
export function scopedResource(resource: Resource, scope: Scope): Resource {
  const figure = (one: Figure): Figure => ({ ...one, query: scoped(one.query, scope), ...(one.parts ? { parts: { ...one.parts, query: scoped(one.parts.query, scope) } } : {}) });
  const [used, full] = resource.figures;
  return { ...resource, figures: [figure(used), figure(full)], errors: resource.errors.map((error) => ({ ...error, query: scoped(error.query, scope) })) };
}

/** The fullest file system of each node; pseudo file systems have no place to fill. */
export const FULLEST =
  '1 - min by (instance) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|devtmpfs"} / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|devtmpfs"})';

/** Puts the window of rates, seconds, into a query. */
export function withWindow(query: string, seconds: number): string {
  return query.replaceAll("[W]", `[${seconds}s]`);
}

/** Rates need four scrapes to bear a lost one, and at least a step of the graph. */
export function rateWindow(step: number, interval = 15): number {
  return Math.max(4 * interval, step + interval);
}

/** The names of lines that deviate most from the rest: over a level first, else by distance from the median. */
export function standingOut(lines: readonly { name: string; last: number }[], levels: [number, number] | undefined, most = 3): Set<string> {
  const known = lines.filter((line) => Number.isFinite(line.last));
  if (known.length <= most) return new Set(known.map((line) => line.name));
  const over = levels ? known.filter((line) => line.last >= levels[0]) : [];
  const middle = median(known.map((line) => line.last));
  const spread = median(known.map((line) => Math.abs(line.last - middle)));
  const far = known.filter((line) => line.last > middle && Math.abs(line.last - middle) > 3 * spread && line.last - middle > 1e-9);
  const chosen = (over.length > 0 ? over : far).sort((a, b) => b.last - a.last).slice(0, most);
  return new Set(chosen.map((line) => line.name));
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
