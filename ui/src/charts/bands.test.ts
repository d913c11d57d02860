import { describe, expect, it, vi } from "vitest";
import type { Band } from "./bands";

vi.mock("./colours", () => ({ token: () => "" }));
const { inWords, merged } = await import("./bands");

const band = (level: Band["level"], from: number, to: number, name = "A"): Band => ({ from, to, level, name });

describe("bands", () => {
  it("of one level that touch are one, with the names of both", () => {
    expect(merged([band("crit", 5, 9, "B"), band("crit", 1, 5), band("crit", 20, 30), band("crit", 2, 3)])).toEqual([band("crit", 1, 9, "A, B"), band("crit", 20, 30)]);
  });

  it("that warn end where something is critical, and go on behind it", () => {
    expect(merged([band("warn", 0, 10), band("crit", 4, 6), band("warn", 20, 25), band("crit", 19, 26)])).toEqual([band("warn", 0, 4), band("crit", 4, 6), band("warn", 6, 10), band("crit", 19, 26)]);
  });

  it("are none without any", () => {
    expect(merged([])).toEqual([]);
  });
});

it("bands are told in words, the first few of them", () => {
  const clock = (time: number) => `${time}s`;
  expect(inWords([band("warn", 1, 2), band("crit", 2, 3)], clock)).toBe("A is pending 1s to 2s, A fires 2s to 3s");
  expect(inWords(Array.from({ length: 7 }, (_, i) => band("crit", i, i)), clock)).toMatch(/, 2 more$/);
  expect(inWords([], clock)).toBe("");
});
