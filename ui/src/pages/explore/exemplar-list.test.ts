import { expect, it } from "vitest";
import { EXEMPLARS_MAX, exemplarsOf, sameAxis } from "./exemplar-list";

const one = (timestamp: number, value = "1") => ({ labels: { trace_id: `t${timestamp}` }, value, timestamp });

it("lists exemplars of all series, the newest first", () => {
  const data = [
    { seriesLabels: { __name__: "a_bucket", le: "1" }, exemplars: [one(10), one(30, "0.5")] },
    { seriesLabels: { __name__: "a_bucket", le: "2" }, exemplars: [one(20)] },
  ];
  const { shown, all } = exemplarsOf(data, 0, 100);
  expect(shown.map(({ time, value, series }) => [time, value, series["le"]])).toEqual([
    [30, 0.5, "1"],
    [20, 1, "2"],
    [10, 1, "1"],
  ]);
  expect(all).toBe(3);
  expect(new Set(shown.map(({ id }) => id)).size).toBe(3);
});

it("leaves out what has no place in the graph", () => {
  const data = [{ seriesLabels: {}, exemplars: [one(5), one(15), one(25), one(16, "NaN"), one(17, "+Inf")] }];
  expect(exemplarsOf(data, 10, 20).shown.map(({ time }) => time)).toEqual([15]);
});

it("keeps the newest where there are too many, and counts all", () => {
  const data = [{ seriesLabels: {}, exemplars: Array.from({ length: EXEMPLARS_MAX + 7 }, (_, i) => one(i)) }];
  const { shown, all } = exemplarsOf(data, 0, 1e6);
  expect([shown.length, all, shown[0]?.time]).toEqual([EXEMPLARS_MAX, EXEMPLARS_MAX + 7, EXEMPLARS_MAX + 6]);
});

it("puts exemplars on the axis of quantiles only", () => {
  expect(sameAxis("histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))")).toBe(true);
  expect(sameAxis("rate(a_bucket[5m])")).toBe(false);
});
