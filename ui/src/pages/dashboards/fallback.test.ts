import { describe, expect, it } from "vitest";
import { exporterOf, metricsOf, withFallback } from "./fallback";

const raw = { 'a:b:sum{x="$x"}': "sum(b{x=\"$x\"})", 'a:b:sum{x="$x", y="1"}': "sum(b{y=\"1\"})" };

describe("withFallback", () => {
  it("takes recorded series where they are", () => {
    expect(withFallback('a:b:sum{x="$x"} / c', raw, new Set(["a:b:sum"]))).toEqual({ expr: 'a:b:sum{x="$x"} / c', source: "recorded" });
  });
  it("takes the expression where they are not, the longest selector first", () => {
    expect(withFallback('a:b:sum{x="$x", y="1"} / a:b:sum{x="$x"}', raw, new Set(["b"]))).toEqual({ expr: '(sum(b{y="1"})) / (sum(b{x="$x"}))', source: "raw" });
  });
  it("says that nothing was to be chosen", () => {
    expect(withFallback("up", raw, new Set())).toEqual({ expr: "up", source: "as written" });
  });
  it("takes dollars of an expression as they stand", () => {
    expect(withFallback("r{}", { "r{}": 'label_replace(u, "a", "$1$&", "b", ".*")' }, new Set()).expr).toContain('"$1$&"');
  });
});

describe("metricsOf", () => {
  it.each([
    ['sum by (a, b) (rate(x_total{c="up{d"}[5m])) / on (e) group_left (f) y', ["x_total", "y"]],
    ["a:b:c and on () node_load1 > bool 1", ["a:b:c", "node_load1"]],
    ["8 * rate(x_total[$__rate_interval]) or vector(1)", ["x_total"]],
    ["sum(x) by (instance)", ["x"]],
    ["1e3 * x offset 5m", ["x"]],
  ])("finds those of %s", (expr, names) => {
    expect(metricsOf(expr)).toEqual(names);
  });
});

it("knows who has a metric", () => {
  expect(exporterOf("kube_pod_info")).toBe("kube-state-metrics");
  expect(exporterOf("mine")).toBeUndefined();
});
