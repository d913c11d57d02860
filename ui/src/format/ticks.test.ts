import { describe, expect, it } from "vitest";
import { timeTicks, valueTicks } from "./ticks";

describe("valueTicks", () => {
  it("stands at round numbers", () => {
    expect(valueTicks(0, 1, 4)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(valueTicks(0, 87, 4)).toEqual([0, 25, 50, 75]);
  });
  it("stands at powers of two for bytes", () => {
    const ticks = valueTicks(0, 7 * 1024 ** 3, 4, true);
    expect(ticks).toEqual([0, 2, 4, 6].map((n) => n * 1024 ** 3));
  });
  it("ends for ranges that are none", () => {
    expect(valueTicks(5, 5, 4)).toEqual([5]);
    expect(valueTicks(NaN, 1, 4)).toHaveLength(1);
    expect(valueTicks(0, Infinity, 4)).toEqual([0]);
  });
  it("is never many more than wanted", () => {
    for (let i = 1; i < 400; i += 1) {
      const max = 1.37 ** (i / 10) - 1;
      expect(valueTicks(0, max, 5).length).toBeLessThanOrEqual(12);
      expect(valueTicks(0, max, 5, true).length).toBeLessThanOrEqual(12);
    }
  });
});

describe("timeTicks", () => {
  it("stands at whole steps of the zone", () => {
    expect(timeTicks(0, 7200, 4)).toEqual([0, 1800, 3600, 5400, 7200]);
    const ahead = timeTicks(0, 86_400 * 4, 4, 5.5 * 3600);
    expect(ahead.every((time) => (time + 5.5 * 3600) % 86_400 === 0)).toBe(true);
  });
  it("is bounded for long windows", () => {
    expect(timeTicks(0, 86_400 * 365 * 3, 8).length).toBeLessThan(60);
    expect(timeTicks(10, 10, 8)).toEqual([]);
  });
});
