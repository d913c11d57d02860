import { expect, it, vi } from "vitest";

vi.mock("../state/settings", () => ({ dark: { value: false } }));
const { nearest } = await import("./dots");

it("finds the nearest place within reach", () => {
  const places = [{ x: 0, y: 0 }, { x: 10, y: 0 }, { x: 13, y: 0 }];
  expect(nearest(places, { x: 11, y: 1 }, 5)).toBe(1);
  expect(nearest(places, { x: 12, y: 1 }, 5)).toBe(2);
  expect(nearest(places, { x: 20, y: 0 }, 5)).toBeUndefined();
  expect(nearest([], { x: 0, y: 0 }, 5)).toBeUndefined();
});
