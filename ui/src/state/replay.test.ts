import { expect, it, vi } from "vitest";

vi.mock("../api/client", () => ({ get: () => Promise.reject(new Error("nobody")) }));
vi.mock("./url", () => ({ base: "/" }));
const { progressOf } = await import("./replay");

it("nothing is said while nobody knows how long the log is", () => {
  expect(progressOf({ min: 0, max: 0, current: 0, bytesRead: 0, bytesTotal: 0 })).toBeUndefined();
  expect(progressOf({ min: 0, max: 3, current: 1 })).toBeUndefined();
});

it("bytes tell the part, and segments are counted from the first", () => {
  const progress = progressOf({ min: 7, max: 9, current: 8, bytesRead: 30, bytesTotal: 120 });
  expect(progress).toEqual({ part: 0.25, read: 30, all: 120, segment: 2, segments: 3 });
});

it("more than everything is not read, and no segment beyond the last", () => {
  const progress = progressOf({ min: 7, max: 9, current: 12, bytesRead: 130, bytesTotal: 120 });
  expect(progress).toEqual({ part: 1, read: 120, all: 120, segment: 3, segments: 3 });
});
