import { expect, it } from "vitest";
import { since } from "./attention";

it("tells since when something goes on without a gap", () => {
  const line = (...values: number[]) => new Float64Array(values);
  const times = [10, 20, 30, 40, 50];
  expect(since(line(NaN, 1, NaN, 1, 1), times)).toBe(40);
  expect(since(line(NaN, 1, 1, 1, NaN), times)).toBe(20);
  expect(since(line(1, 1, 1, 1, 1), times)).toBeUndefined();
  expect(since(line(NaN, NaN, NaN, NaN, NaN), times)).toBeUndefined();
});
