// When an alert was pending and when it fired, from the series that tells.

import type { MatrixSeries } from "../api/types";
import { eachPoint } from "../api/packed";
import type { Band } from "./bands";

export interface Span {
  /** First and last evaluation, seconds. */
  from: number;
  to: number;
  state: string;
}

/** Spans of a series of `ALERTS`: samples that follow one another at the step. */
export function spansOf(series: MatrixSeries, step: number): Span[] {
  const out: Span[] = [];
  eachPoint(series, (time) => {
    const last = out[out.length - 1];
    if (last && time - last.to <= step * 1.5) last.to = time;
    else out.push({ from: time, to: time, state: series.metric["alertstate"] ?? "" });
  });
  return out;
}

/** Bands of series of `ALERTS`: each lasts up to the step after its last. */
export function bandsOf(series: readonly MatrixSeries[], step: number): Band[] {
  return series.flatMap((one) => {
    const name = one.metric["alertname"] ?? "";
    return spansOf(one, step).map(({ from, to, state }): Band => ({ from, to: to + step, level: state === "firing" ? "crit" : "warn", name }));
  });
}
