// Series of a large answer on their way from the worker: their numbers move as they lie in memory, where a million small
// arrays would have to be copied one by one.

import type { MatrixSeries, Point } from "./types";

/** A series whose points are numbers in turn: time, value, time, value … */
export interface PackedSeries extends Omit<MatrixSeries, "values"> {
  packed: Float64Array<ArrayBuffer>;
}

const toNumber = (text: string) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
const toText = (value: number) => (value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value));

/** The series of an envelope with a matrix, if it is one. */
function seriesOf(envelope: unknown): MatrixSeries[] {
  const data = (envelope as { data?: { resultType?: unknown; result?: unknown } } | null)?.data;
  return data?.resultType === "matrix" && Array.isArray(data.result) ? (data.result as MatrixSeries[]) : [];
}

/** Packs the points of all series in place. Gives the memory that moves. */
export function pack(envelope: unknown): ArrayBuffer[] {
  return seriesOf(envelope).flatMap((series) => {
    const { values } = series;
    if (values === undefined) return [];
    const packed = new Float64Array(values.length * 2);
    values.forEach(([time, text], i) => {
      packed[i * 2] = time;
      packed[i * 2 + 1] = toNumber(text);
    });
    delete series.values;
    Object.assign(series, { packed });
    return [packed.buffer];
  });
}

/** Gives packed series their points again, made when somebody asks for them. */
export function unpack(envelope: unknown): void {
  for (const series of seriesOf(envelope) as Partial<PackedSeries>[]) {
    const { packed } = series;
    if (packed === undefined) continue;
    let made: Point[] | undefined;
    Object.defineProperty(series, "values", {
      enumerable: true,
      get: () => (made ??= Array.from({ length: packed.length / 2 }, (_, i): Point => [packed[i * 2] ?? 0, toText(packed[i * 2 + 1] ?? NaN)])),
    });
  }
}

/** Calls for each point of a series, in their order. */
export function eachPoint(series: MatrixSeries | PackedSeries, call: (time: number, value: number) => void): void {
  if ("packed" in series) {
    const { packed } = series;
    for (let i = 0; i < packed.length; i += 2) call(packed[i] ?? 0, packed[i + 1] ?? NaN);
  } else {
    for (const [time, text] of series.values ?? []) call(time, toNumber(text));
  }
}
