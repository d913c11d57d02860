// Series of a large answer on their way from the worker: their numbers move as they lie in memory, where a million small
// arrays would have to be copied one by one.

import { takePoints, toNumber } from "./points";
import type { Histogram, LabelSet, MatrixSeries, Point } from "./types";

/** An answer as it moves: what is not numbers, and the numbers that its series name the places of. */
export interface Packed {
  value: unknown;
  numbers?: Float64Array<ArrayBuffer>;
}

/** A series on its way; of `numbers` it has those between these places. */
interface Moving {
  metric: LabelSet;
  packed?: [number, number];
  histograms?: [number, Histogram][];
}

const toText = (value: number) => (value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : Object.is(value, -0) ? "-0" : String(value));

/** A series whose points are numbers in turn: time, value, time, value … */
class PackedSeries implements MatrixSeries {
  private made: Point[] | undefined;

  constructor(
    readonly metric: LabelSet,
    readonly points: Float64Array,
    readonly histograms: [number, Histogram][],
  ) {}

  /** The points as others have them, made when somebody asks for them. */
  get values(): Point[] {
    const { points } = this;
    return (this.made ??= Array.from({ length: points.length / 2 }, (_, i): Point => [points[i * 2] ?? 0, toText(points[i * 2 + 1] ?? NaN)]));
  }
}

/** Reads an answer. */
export function pack(text: string): Packed {
  const points = takePoints(text);
  return points === undefined ? { value: JSON.parse(text) as unknown } : { value: JSON.parse(points.text) as unknown, numbers: points.numbers };
}

/** Gives the series of an answer their numbers. */
export function unpack({ value, numbers }: Packed): unknown {
  const data = (value as { data?: { result?: unknown } } | null)?.data;
  if (numbers === undefined || !Array.isArray(data?.result)) return value;
  data.result = (data.result as Moving[]).map((one) =>
    one.packed === undefined ? one : new PackedSeries(one.metric, numbers.subarray(...one.packed), one.histograms ?? []),
  );
  return value;
}

/** Calls for each point of a series, in their order. */
export function eachPoint(series: MatrixSeries, call: (time: number, value: number) => void): void {
  if (series instanceof PackedSeries) {
    const { points } = series;
    for (let i = 0; i < points.length; i += 2) call(points[i] as number, points[i + 1] as number);
  } else {
    for (const [time, text] of series.values ?? []) call(time, toNumber(text));
  }
}
