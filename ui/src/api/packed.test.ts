import { expect, it } from "vitest";
import { eachPoint, pack, unpack } from "./packed";
import type { MatrixSeries } from "./types";

const envelope = () => ({
  status: "success",
  data: { resultType: "matrix", result: [{ metric: { a: "b" }, values: [[1.5, "0.1"], [2, "NaN"], [3, "+Inf"], [4, "-Inf"], [5, "1e-7"]] }, { metric: {}, histograms: [] }] },
});

it("brings the points of a matrix back as they were", () => {
  const moved = envelope();
  expect(pack(moved)).toHaveLength(1);
  expect(moved.data.result[0]).not.toHaveProperty("values");
  unpack(moved);
  const series = moved.data.result[0] as unknown as MatrixSeries;
  expect(series.values).toEqual(envelope().data.result[0]?.values);
  const points: [number, number][] = [];
  eachPoint(series, (time, value) => points.push([time, value]));
  expect(points).toEqual([[1.5, 0.1], [2, NaN], [3, Infinity], [4, -Infinity], [5, 1e-7]]);
});

it("leaves other answers as they are", () => {
  for (const other of [null, 7, "text", {}, { data: null }, { data: { resultType: "vector", result: [{ metric: {}, value: [1, "2"] }] } }]) {
    const before = JSON.stringify(other);
    expect(pack(other)).toEqual([]);
    unpack(other);
    expect(JSON.stringify(other)).toBe(before);
  }
});
