import { expect, it, vi } from "vitest";

vi.mock("../../api/client", () => ({ post: undefined, ApiError: Error }));
const { endsOf, pointsOf, rowOf } = await import("./stored");

const series = { metric: { a: "b" }, values: [[1, "5"], [16, "NaN"], [31, null], [61, "7"], [62, "7"]] as [number, string | null][] };

it("marks an end at the height of the last number before it", () => {
  expect(endsOf(pointsOf(series))).toEqual([{ time: 31, value: 5 }]);
  expect(endsOf([{ time: 1, value: undefined }])).toEqual([{ time: 1, value: undefined }]);
});

it("counts samples and ends, and measures no distance across an end", () => {
  const row = rowOf("x", series.metric, pointsOf(series));
  expect(row).toEqual({ name: "x", labels: { a: "b" }, samples: 4, ends: 1, shortest: 1, typical: 15, longest: 15 });
});

it("puts histograms among the numbers by time", () => {
  const mixed = { metric: {}, values: [[1, "5"], [3, null]] as [number, string | null][], histograms: [[2, { count: "9", sum: "1" }]] as [number, { count: string; sum: string }][] };
  expect(pointsOf(mixed)).toEqual([{ time: 1, value: 5 }, { time: 2, value: 9 }, { time: 3, value: undefined }]);
});
