import { describe, expect, it } from "vitest";
import { THIN, count, duration, format } from "./numbers";

describe("format", () => {
  it.each([
    [0, "bytes", "0 B"],
    [1, "bytes", "1 B"],
    [1023, "bytes", "1023 B"],
    [1024, "bytes", "1 KiB"],
    [1536, "bytes", "1.5 KiB"],
    [1_048_575, "bytes", "1 MiB"],
    [1.75 * 2 ** 40, "bytes", "1.75 TiB"],
    [-2048, "bytes", "-2 KiB"],
    [999, "bytes/s", "999 B/s"],
    [1000, "bytes/s", "1 kB/s"],
    [342_000_000, "bytes/s", "342 MB/s"],
    [0, "ratio", "0 %"],
    [0.041, "ratio", "4.1 %"],
    [0.41, "ratio", "41 %"],
    [0.0996, "ratio", "10 %"],
    [1, "ratio", "100 %"],
    [0.0031, "seconds", "3.1 ms"],
    [90, "seconds", "1 min 30 s"],
    [86_400 * 3 + 3600 * 4, "seconds", "3 d 4 h"],
    [12.4, "seconds", "12.4 s"],
    [0, "per second", "0 /s"],
    [41, "per second", "41 /s"],
    [312, "per second", "312 /s"],
    [27_410, "count", "27.4 k"],
    [413_000, "count", "413 k"],
    [0.52, "number", "0.52"],
    [0.0034, "number", "0.0034"],
    [12.46, "number", "12.5"],
    [0.0021, "per second", "0.0021 /s"],
    [234, "number", "234"],
    [NaN, "bytes", "NaN"],
    [Infinity, "ratio", "+Inf"],
    [-Infinity, "seconds", "-Inf"],
  ] as const)("writes %d %s as %s", (value, unit, text) => {
    expect(format(value, unit)).toBe(text);
  });

  it("never says 1024 of a unit", () => {
    for (let power = 1; power < 6; power += 1) {
      for (const value of [1024 ** power - 1, 1024 ** power - 0.3, 1024 ** power * 0.99999]) {
        expect(format(value, "bytes")).not.toMatch(/^1024 [KMGTP]/);
      }
    }
  });

  it("writes times in UTC", () => {
    expect(format(0, "time")).toBe("1970-01-01 00:00:00 UTC");
  });
});

describe("duration", () => {
  it.each([
    [0, "0 s"],
    [2e-9, "2 ns"],
    [0.00031, "310 µs"],
    [59.94, "59.9 s"],
    [60, "1 min"],
    [3600, "1 h"],
    [-90, "-1 min 30 s"],
    [31_536_000 * 2, "2 y"],
  ])("writes %d as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe("count", () => {
  it("groups digits", () => {
    expect(count(412_806)).toBe(`412${THIN}806`);
    expect(count(999)).toBe("999");
    expect(count(NaN)).toBe("–");
  });
});

describe("format of an axis", () => {
  it.each([
    [[0.1, 0.125, 0.15], "number", ["0.1", "0.125", "0.15"]],
    [[100.05, 100.1, 100.15], "number", ["100.05", "100.1", "100.15"]],
    [[1_000_500, 1_001_000, 1_001_500], "count", ["1.0005 M", "1.001 M", "1.0015 M"]],
    [[0.99, 0.9925, 0.995], "ratio", ["99 %", "99.25 %", "99.5 %"]],
    [[0.0105, 0.011, 0.0115], "seconds", ["10.5 ms", "11 ms", "11.5 ms"]],
    [[0, 2 ** 30, 2 ** 31], "bytes", ["0 B", "1 GiB", "2 GiB"]],
    [[0, 512 * 2 ** 20, 2 ** 30], "bytes", ["0 B", "512 MiB", "1 GiB"]],
  ] as const)("tells marks at %j %s apart", (marks, unit, texts) => {
    const step = marks[1] - marks[0];
    expect(marks.map((mark) => format(mark, unit, step))).toEqual(texts);
  });
});
