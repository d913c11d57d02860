import { describe, expect, it } from "vitest";
import { difference } from "./clock";

const AT = 1_000_000;

describe("the difference of the clocks", () => {
  it("is none while it may be the way that the answer took", () => {
    expect(difference(0, AT, 0.01, AT)).toBe(0);
    expect(difference(0, AT - 2, 0.01, AT)).toBe(0);
    expect(difference(0, AT - 40, 80, AT)).toBe(0);
  });
  it("is told for a browser that is ahead, and one that is behind", () => {
    expect(difference(0, AT - 3600, 0, AT + 0.5)).toBe(-3600);
    expect(difference(0, AT + 86_400, 0, AT + 0.5)).toBe(86_400);
  });
  it("does not waver with answers that took longer", () => {
    expect(difference(3600, AT + 3598, 4, AT)).toBe(3600);
    expect(difference(3600, AT + 3000, 0, AT + 0.5)).toBe(3000);
  });
  it("ends when the clock is set right", () => {
    expect(difference(3600, AT, 0.1, AT)).toBe(0);
  });
});
