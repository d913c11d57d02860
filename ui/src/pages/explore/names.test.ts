import { expect, it } from "vitest";
import { isSelector, metricNames } from "./names";

it.each([
  ["up", ["up"]],
  ['sum by (job) (rate(http_requests_total{code=~"5.."}[5m]))', ["http_requests_total"]],
  ["a / on (x, y) group_left (z) b", ["a", "b"]],
  ["count(up == bool 1) offset 5m and up", ["up"]],
  ['{__name__="x"}', []],
  ["time()", []],
])("finds the metrics of %s", (query, names) => {
  expect(metricNames(query)).toEqual(names);
});

it("knows what has stored samples", () => {
  expect(["up", 'up{a="b"}', '{a="b"}'].every(isSelector)).toBe(true);
  expect(["rate(up[5m])", "up + 1", "", "up[5m]"].some(isSelector)).toBe(false);
});
