import { expect, it } from "vitest";
import { since } from "./attention";

it("tells since when something goes on without a gap", () => {
  const times = [10, 20, 30, 40, 50];
  expect(since([null, 1, null, 1, 1], times)).toBe(40);
  expect(since([null, 1, 1, 1, null], times)).toBe(20);
  expect(since([1, 1, 1, 1, 1], times)).toBeUndefined();
  expect(since([null, null, null, null, null], times)).toBeUndefined();
});
