// What is stored of series, and how it lies in time.

import { type Answer, ApiError, post } from "../../api/client";
import { toNumber } from "../../api/points";
import type { LabelSet, StoredSeries } from "../../api/types";

/** More samples than this are no picture any more. */
const SAMPLES_MAX = 100_000;

/** The samples of a window, with staleness markers where the server tells them. */
export async function stored(selector: string, start: number, end: number, signal: AbortSignal): Promise<Answer<StoredSeries[]>> {
  try {
    return await post("narthex/samples", { "match[]": selector, start, end, limit: SAMPLES_MAX }, signal);
  } catch (error) {
    if (!(error instanceof ApiError && error.kind === "not_found")) throw error;
    const seconds = Math.max(1, Math.round(end - start));
    const answer = await post("query", { query: `${selector}[${seconds}s]`, time: end }, signal);
    return { ...answer, data: answer.data.resultType === "matrix" ? answer.data.result : [] };
  }
}

/** A sample; `undefined` where the series was marked as ended. */
export interface Point {
  time: number;
  value: number | undefined;
}

/** All of a series in the order of time; of a histogram its count. */
export function pointsOf(series: StoredSeries): Point[] {
  const floats = (series.values ?? []).map(([time, text]): Point => ({ time, value: text === null ? undefined : toNumber(text) }));
  const histograms = (series.histograms ?? []).map(([time, { count }]): Point => ({ time, value: toNumber(count) }));
  return histograms.length === 0 ? floats : [...floats, ...histograms].sort((a, b) => a.time - b.time);
}

/** Where a series ended, at the height of its last value before. */
export function endsOf(points: readonly Point[]): { time: number; value: number | undefined }[] {
  let last: number | undefined;
  const ends: { time: number; value: number | undefined }[] = [];
  for (const { time, value } of points) {
    if (value === undefined) ends.push({ time, value: last });
    else if (Number.isFinite(value)) last = value;
  }
  return ends;
}

export interface Row {
  name: string;
  labels: LabelSet;
  samples: number;
  /** Staleness markers. */
  ends: number;
  /** Between two samples, seconds; across an end nothing is measured. */
  shortest: number;
  typical: number;
  longest: number;
}

export function rowOf(name: string, labels: LabelSet, points: readonly Point[]): Row {
  const gaps = points
    .slice(1)
    .flatMap((point, i) => (point.value === undefined || points[i]?.value === undefined ? [] : [point.time - (points[i]?.time ?? 0)]))
    .sort((a, b) => a - b);
  const ends = points.filter((point) => point.value === undefined).length;
  return {
    name,
    labels,
    samples: points.length - ends,
    ends,
    shortest: gaps[0] ?? NaN,
    typical: gaps[gaps.length >> 1] ?? NaN,
    longest: gaps[gaps.length - 1] ?? NaN,
  };
}
