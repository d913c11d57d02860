// Series as charts want them: common times, gaps where there is nothing.

import { eachPoint } from "../api/packed";
import type { LabelSet, MatrixSeries } from "../api/types";
import { exact } from "../format/numbers";

/** Values on the steps of a window; NaN is a gap. */
export type Values = Float64Array<ArrayBuffer>;
export const NO_VALUES: Values = new Float64Array();

export interface Line {
  /** The labels that tell it from the others. */
  name: string;
  labels: LabelSet;
  values: Values;
}

export interface Lines {
  /** Seconds. */
  times: number[];
  lines: Line[];
  /** Labels that all of them have. */
  common: LabelSet;
}

/** `up{job="a"}` as Prometheus writes it. */
export function metricText(labels: LabelSet): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.keys(rest)
    .sort()
    .map((key) => `${key}=${JSON.stringify(rest[key])}`);
  return pairs.length === 0 ? name || "{}" : `${name}{${pairs.join(", ")}}`;
}

/** Labels that all sets have with the same value. */
export function commonLabels(sets: readonly LabelSet[]): LabelSet {
  const [first, ...rest] = sets;
  if (first === undefined) return {};
  return Object.fromEntries(Object.entries(first).filter(([key, value]) => rest.every((set) => set[key] === value)));
}

/** Hosts of addresses, without the port that all of them have. */
export function hosts(instances: readonly string[]): (instance: string) => string {
  const ports = new Set(instances.map((one) => /(?<=[^:]):\d+$/.exec(one)?.[0]));
  const [port] = ports;
  return ports.size === 1 && port !== undefined ? (instance) => instance.slice(0, -port.length) : (instance) => instance;
}

/** A short name: only what tells a set from the others. */
export function shortName(labels: LabelSet, common: LabelSet): string {
  const own = Object.entries(labels).filter(([key]) => !(key in common));
  if (own.length === 0) return labels["__name__"] ?? metricText(labels);
  if (own.length === 1) return own[0]?.[1] ?? "";
  return own.map(([key, value]) => (key === "__name__" ? value : `${key}=${JSON.stringify(value)}`)).join(" ");
}

/** Places the samples of a range query on its steps. */
export function toLines(series: readonly MatrixSeries[], start: number, end: number, step: number): Lines {
  const count = Math.max(0, Math.floor((end - start) / step + 1e-9) + 1);
  const times = Array.from({ length: count }, (_, i) => start + i * step);
  const common = series.length > 1 ? commonLabels(series.map((one) => one.metric)) : {};
  const lines = series.map((one): Line => {
    const values: Values = new Float64Array(count).fill(NaN);
    const place = (time: number, value: number) => {
      const at = Math.round((time - start) / step);
      if (at >= 0 && at < count && Number.isFinite(value)) values[at] = value;
    };
    eachPoint(one, place);
    // Of a histogram the mean can be drawn.
    for (const [time, histogram] of one.histograms ?? []) place(time, Number(histogram.sum) / Number(histogram.count));
    return { name: shortName(one.metric, common), labels: one.metric, values };
  });
  return { times, lines, common };
}

/** The last value that there is; NaN without any. */
export function lastOf(values: Values): number {
  for (let i = values.length - 1; i >= 0; i -= 1) {
    const value = values[i] as number;
    if (!Number.isNaN(value)) return value;
  }
  return NaN;
}

export interface Figures {
  last: number | null;
  min: number | null;
  mean: number | null;
  max: number | null;
}

/** What a legend tells of a line; `last` is null when it ended before the window did. */
export function figures(values: Values): Figures {
  let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    // Of NaN nothing is true, and so no gap counts.
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === value) {
      sum += value;
      count += 1;
    }
  }
  if (count === 0) return { last: null, min: null, mean: null, max: null };
  const last = values[values.length - 1] ?? NaN;
  return { last: Number.isNaN(last) ? null : last, min, mean: sum / count, max };
}

/** Comma-separated values of all lines. */
export function toCsv({ times, lines }: Lines): string {
  const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const head = ["time", ...lines.map((line) => quote(metricText(line.labels)))].join(",");
  const rows = times.map((time, i) => [exact(time), ...lines.map((line) => (Number.isNaN(line.values[i] ?? NaN) ? "" : exact(line.values[i] ?? NaN)))].join(","));
  return [head, ...rows].join("\n");
}
