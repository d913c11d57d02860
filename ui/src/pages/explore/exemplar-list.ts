// Exemplars as a chart and a table want them.

import type { ExemplarSeries, LabelSet } from "../../api/types";

export interface Exemplar {
  id: string;
  /** Seconds. */
  time: number;
  value: number;
  /** Of the exemplar itself: mostly a trace's number. */
  labels: LabelSet;
  series: LabelSet;
}

/** More would be a cloud; a table within a page draws all of its rows up to here. */
export const EXEMPLARS_MAX = 200;

/** The newest exemplars within the window, the newest first, and how many there are. */
export function exemplarsOf(data: readonly ExemplarSeries[], start: number, end: number): { shown: Exemplar[]; all: number } {
  const found = data.flatMap((one, at) =>
    one.exemplars.map((exemplar, i): Exemplar => ({ id: `${at} ${i}`, time: exemplar.timestamp, value: Number(exemplar.value), labels: exemplar.labels, series: one.seriesLabels })),
  );
  const within = found.filter(({ time, value }) => time >= start && time <= end && Number.isFinite(value)).sort((a, b) => b.time - a.time);
  return { shown: within.slice(0, EXEMPLARS_MAX), all: within.length };
}

/** Whether the values of exemplars are on the axis of the query's values: a quantile has the unit of what was observed. */
export function sameAxis(query: string): boolean {
  return /\bhistogram_quantile\s*\(/.test(query);
}
