import { describe, expect, it } from "vitest";
import { hosts, commonLabels, figures, lastOf, metricText, shortName, toCsv, toLines } from "./series";

describe("names", () => {
  it("are written as Prometheus does it", () => {
    expect(metricText({ __name__: "up", job: 'a"b', b: "c" })).toBe('up{b="c", job="a\\"b"}');
    expect(metricText({})).toBe("{}");
    expect(metricText({ __name__: "up" })).toBe("up");
  });
  it("show only what differs", () => {
    const sets = [
      { job: "a", instance: "1" },
      { job: "a", instance: "2" },
    ];
    const common = commonLabels(sets);
    expect(common).toEqual({ job: "a" });
    expect(shortName(sets[1] ?? {}, common)).toBe("2");
  });
});

describe("toLines", () => {
  const series = [{ metric: { a: "1" }, values: [[10, "1"], [30, "+Inf"], [40, "NaN"], [50, "5"]] as [number, string][] }];
  it("leaves gaps where there is nothing to draw", () => {
    const { times, lines } = toLines(series, 10, 50, 10);
    expect(times).toEqual([10, 20, 30, 40, 50]);
    expect([...(lines[0]?.values ?? [])]).toEqual([1, NaN, NaN, NaN, 5]);
  });
  it("takes the mean of histograms", () => {
    const { lines } = toLines([{ metric: {}, histograms: [[0, { count: "4", sum: "10" }]] }], 0, 0, 1);
    expect([...(lines[0]?.values ?? [])]).toEqual([2.5]);
  });
  it("ignores what lies outside the window", () => {
    expect([...(toLines(series, 20, 30, 10).lines[0]?.values ?? [])]).toEqual([NaN, NaN]);
  });
});

const line = (...values: number[]) => new Float64Array(values);

it("tells figures of a line", () => {
  expect(figures(line(1, NaN, 3))).toEqual({ last: 3, min: 1, mean: 2, max: 3 });
  expect(figures(line(1, NaN))).toEqual({ last: null, min: 1, mean: 1, max: 1 });
  expect(figures(line(NaN))).toEqual({ last: null, min: null, mean: null, max: null });
});

it("finds the last value before a gap", () => {
  expect(lastOf(line(1, 2, NaN))).toBe(2);
  expect(lastOf(line(NaN))).toBeNaN();
  expect(lastOf(line())).toBeNaN();
});

it("writes CSV with quoted names", () => {
  const lines = { times: [1, 2], lines: [{ name: "x", labels: { a: 'b"' }, values: line(1.5, NaN) }], common: {} };
  expect(toCsv(lines)).toBe(['time,"{a=""b\\""""}"', "1,1.5", "2,"].join("\n"));
});

it("leaves out a port that all hosts have", () => {
  const all = ["a:9100", "b-1:9100"];
  expect(all.map(hosts(all))).toEqual(["a", "b-1"]);
  const other = ["a:9100", "b:9101", "c"];
  expect(other.map(hosts(other))).toEqual(other);
  expect(hosts(["::1", "x:1"])("::1")).toBe("::1");
});
