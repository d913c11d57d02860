import { describe, expect, it } from "vitest";
import type { CardinalityRow } from "../../api/types";
import { driving, dropRule, selector } from "./dimension";

const row = (name: string, more: Partial<CardinalityRow> = {}): CardinalityRow => ({ name, series: 1, delta: null, ...more });

describe("the selector of a row", () => {
  it.each([
    ["metric", row("up"), '{__name__="up"}'],
    ["metric", row('my "own"'), '{__name__="my \\"own\\""}'],
    ["label", row("le"), '{le!=""}'],
    ["label", row("http.status"), '{"http.status"!=""}'],
    ["pair", row("le=1", { label: "le", value: "1" }), '{le="1"}'],
    ["job", row("a b"), '{job="a b"}'],
    ["target", row("a/b", { job: "a", instance: "b" }), '{job="a", instance="b"}'],
  ] as const)("by %s names its series", (by, one, text) => {
    expect(selector(by, one)).toBe(text);
  });
});

describe("advice", () => {
  it("names the label with the most values that a metric can do without", () => {
    const labels = [row("le", { values: 90 }), row("customer", { values: 40 }), row("code", { values: 4 }), row("instance", { values: 50 })];
    expect(driving(labels)?.name).toBe("customer");
    expect(driving([row("le", { values: 90 }), row("zone", { values: 1 })])).toBeUndefined();
  });
  it("is a rule that matches this metric and label only", () => {
    expect(dropRule("a.b_total", "customer")).toBe('metric_relabel_configs:\n  - action: drop\n    source_labels: [__name__, customer]\n    regex: "a\\\\.b_total;.+"');
  });
});
