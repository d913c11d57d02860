import { describe, expect, it } from "vitest";
import { axisValues, bounds, extent, logValues } from "./axes";

describe("axes", () => {
  it("reach from the least to the greatest value, gaps aside", () => {
    const lines = [new Float64Array([NaN, 3, -1]), new Float64Array([0, 7])];
    expect(extent(lines, false)).toEqual([-1, 7]);
    expect(extent(lines, true)).toEqual([3, 7]);
    expect(extent([new Float64Array([NaN])], false)).toEqual([null, null]);
  });
  it("begin at zero and end with a mark, or fit, or are positive for powers", () => {
    expect(bounds(3, 97, "zero", undefined, "number", 320)).toEqual([0, 100]);
    const [from, to] = bounds(90, 100, "fit", undefined, "number", 320);
    expect([from < 90, from > 80, to > 100]).toEqual([true, true, true]);
    expect(bounds(-5, 100, "log", undefined, "number", 320)[0]).toBeGreaterThan(0);
    expect(bounds(null, null, "zero", undefined, "number", 320)).toEqual([0, 1]);
  });
  it("have their unit at the topmost mark, and those of powers at each", () => {
    expect(axisValues([0, 0.5, 1], "ratio")).toEqual(["0", "50", "100 %"]);
    expect(logValues([1, null, 1000], "number")).toEqual(["1", "", "1 k"]);
  });
});
