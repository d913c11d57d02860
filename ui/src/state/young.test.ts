import { expect, it } from "vitest";
import { defaultRange } from "./young";

it("looks at as much as there is, up to two hours", () => {
  expect(defaultRange(undefined, 1000)).toBe(7200);
  expect(defaultRange(990, 1000)).toBe(300);
  expect(defaultRange(100, 1000)).toBe(900);
  expect(defaultRange(0, 3000)).toBe(3600);
  expect(defaultRange(0, 4000)).toBe(7200);
});
