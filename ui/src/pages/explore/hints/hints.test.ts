import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { apply, hints } from "./hints";
import type { Known } from "./source";

const known: Known = {
  types: new Map([
    ["queue_length", "gauge"],
    ["errors", "counter"],
    ["http_seconds", "histogram"],
    ["odd_total", "gauge"],
  ]),
  labels: new Map([["requests_total", ["__name__", "instance", "job", "code"]]]),
  interval: 15,
};
const nothing: Known = { types: new Map(), labels: new Map(), interval: undefined };

/** The rules that speak, and what the query is after all their fixes. */
function seen(query: string, facts: Known = known): [string[], string | undefined] {
  const found = hints(query, facts);
  const [first] = found;
  return [found.map((hint) => hint.rule), first?.fix && apply(query, first.fix)];
}

it.each([
  // Functions of the wrong kind of metric, by metadata and by name.
  ["rate(queue_length[5m])", "rate-of-gauge", "deriv(queue_length[5m])"],
  ["increase(node_load1[5m])", "rate-of-gauge", "delta(node_load1[5m])"],
  ["rate(odd_total[5m])", "rate-of-gauge", "deriv(odd_total[5m])"],
  ["rate((queue_length[5m] offset 1h))", "rate-of-gauge", "deriv((queue_length[5m] offset 1h))"],
  ["delta(errors_total[5m])", "delta-of-counter", "increase(errors_total[5m])"],
  ["deriv(http_seconds_count[5m])", "delta-of-counter", "rate(http_seconds_count[5m])"],
  ["rate(job:requests:rate5m[5m])", "rate-of-gauge", "job:requests:rate5m"],
  // Windows.
  ["rate(requests_total)", "no-window", "rate(requests_total[5m])"],
  ["quantile_over_time(0.9, queue_length)", "no-window", "quantile_over_time(0.9, queue_length[5m])"],
  ["max_over_time(queue_length{a=\"b\"} offset 1h)", "no-window", "max_over_time(queue_length{a=\"b\"}[5m] offset 1h)"],
  ["rate(requests_total[30s])", "short-range", "rate(requests_total[1m])"],
  // Sums and rates.
  ["rate(sum(requests_total)[5m:])", "aggregate-before-rate", "sum(rate(requests_total[5m]))"],
  ["rate(sum(requests_total)[5m])", "aggregate-before-rate", "sum(rate(requests_total[5m]))"],
  ["increase(sum by (code) (requests_total{a=\"b\"} offset 1h)[10m:1m])", "aggregate-before-rate", "sum by (code) (increase(requests_total{a=\"b\"}[10m] offset 1h))"],
  ["rate(max(requests_total)[5m:])", "aggregate-before-rate", undefined],
  ["requests_total", "bare-counter", "rate(requests_total[5m])"],
  ["sum(requests_total{code=\"500\"} offset 1h) > 3", "bare-counter", "sum(rate(requests_total{code=\"500\"}[5m] offset 1h)) > 3"],
  ["histogram_quantile(0.9, http_seconds_bucket)", "quantile-without-rate", "histogram_quantile(0.9, rate(http_seconds_bucket[5m]))"],
  // Quantiles.
  ["histogram_quantile(0.9, sum(rate(http_seconds_bucket[5m])))", "quantile-without-le", "histogram_quantile(0.9, sum by (le) (rate(http_seconds_bucket[5m])))"],
  ["histogram_quantile(0.9, sum by (job) (rate(http_seconds_bucket[5m])))", "quantile-without-le", "histogram_quantile(0.9, sum by (le, job) (rate(http_seconds_bucket[5m])))"],
  ["histogram_quantile(0.9, sum by () (rate(http_seconds_bucket[5m])))", "quantile-without-le", "histogram_quantile(0.9, sum by (le) (rate(http_seconds_bucket[5m])))"],
  ["histogram_quantile(0.9, sum without (le, pod) (rate(http_seconds_bucket[5m])))", "quantile-without-le", "histogram_quantile(0.9, sum without (pod) (rate(http_seconds_bucket[5m])))"],
  ["quantile(95, queue_length)", "quantile-range", "quantile(0.95, queue_length)"],
  ["quantile_over_time(99.9, queue_length[5m])", "quantile-range", "quantile_over_time(0.999, queue_length[5m])"],
  ["histogram_quantile(-0.5, rate(http_seconds_bucket[5m]))", "quantile-range", undefined],
  ["quantile(950, queue_length)", "quantile-range", undefined],
  // Matchers and labels.
  ["up{job=~\"node\"}", "regex-without-pattern", "up{job=\"node\"}"],
  ["up{job!~'node', a=\"b\"}", "regex-without-pattern", "up{job!='node', a=\"b\"}"],
  ["up{instance=~\"10.0.0.1:9100\"}", "regex-without-pattern", "up{instance=\"10.0.0.1:9100\"}"],
  ["up{job=~\"node*\"}", "glob-as-regex", "up{job=~\"node.*\"}"],
  ["up{job=~\"^node|kube$\"}", "redundant-anchors", "up{job=~\"node|kube\"}"],
  ["up{job=~\"^node$\"}", "redundant-anchors", "up{job=\"node\"}"],
  ["up{job=~\".*\", a=\"b\"}", "regex-matches-all", "up{a=\"b\"}"],
  ["up{a=\"b\",job=~\".*\"}", "regex-matches-all", "up{a=\"b\"}"],
  ["up{job=~\".*\"}", "regex-matches-all", "up{}"],
  ["sum by (codes) (rate(requests_total[5m]))", "absent-label", "sum by (code) (rate(requests_total[5m]))"],
  ["sum by (namespace) (rate(requests_total[5m]))", "absent-label", undefined],
])("%s: %s", (query, rule, fixed) => {
  expect(seen(query)).toEqual([[rule], fixed]);
});

it.each([
  "rate(requests_total[5m])",
  "sum by (code) (rate(requests_total[1m]))",
  "delta(queue_length[5m])",
  "avg_over_time(queue_length[20s])",
  "count(requests_total)",
  "absent(requests_total)",
  "timestamp(errors_total)",
  "queue_length and requests_total",
  "http_seconds_sum / http_seconds_count",
  "max_over_time(rate(requests_total[5m])[1h:])",
  "histogram_quantile(0.9, sum by (le) (rate(http_seconds_bucket[5m])))",
  "histogram_quantile(0.9, sum(rate(http_seconds[5m])))",
  "histogram_quantile(0.9, sum without (pod) (rate(http_seconds_bucket[5m])))",
  "quantile(1, queue_length)",
  "up{job=~\"a|b\"}",
  "up{job=~\"a.*\", b!~\".*\"}",
  "up{job=~\"a\\\\.b\"}",
  "sum by (x) (label_replace(rate(requests_total[5m]), \"x\", \"$1\", \"job\", \"(.+)\"))",
  "sum by (anything) (never_seen)",
  "rate(never_seen[5m])",
  "",
])("has nothing to say about %s", (query) => {
  expect(hints(query, known)).toEqual([]);
});

describe("hints of what the server does not know", () => {
  it("go by the names alone", () => {
    expect(seen("rate(up[5m])", nothing)).toEqual([["rate-of-gauge"], "deriv(up[5m])"]);
    expect(seen("rate(queue_length[1s])", nothing)).toEqual([[], undefined]);
  });
  it("take a good window for the interval that is known", () => {
    expect(seen("rate(requests_total)", { ...nothing, interval: 120 })[1]).toBe("rate(requests_total[8m])");
  });
});

it("leaves a broken query to its error", () => {
  expect(hints("rate(queue_length[5m]", known)).toEqual([]);
  expect(hints("sum(requests_total", known)).toEqual([]);
});

it("tells several things in the order of the text", () => {
  const query = "rate(queue_length[30s]) / quantile(95, up{job=~\"a\"})";
  const found = hints(query, known);
  expect(found.map((hint) => hint.rule)).toEqual(["rate-of-gauge", "short-range", "quantile-range", "regex-without-pattern"]);
  expect(found.map((hint) => query.slice(hint.from, hint.to))).toEqual(["rate(queue_length[30s])", "30s", "95", "job=~\"a\""]);
});

it("says how many samples a short window holds", () => {
  const text = (query: string) => hints(query, known)[0]?.text ?? "";
  expect(text("rate(requests_total[10s])")).toContain("no whole scrape: there is no answer");
  expect(text("rate(requests_total[15s])")).toContain("one sample: there is no answer");
  expect(text("rate(requests_total[45s])")).toContain("3 samples: one failed scrape leaves a gap");
});

/** Sections of the linter's own page: `## PQ001 rate-of-gauge`, with examples that it finds and that it does not. */
const sections = readFileSync(new URL("../../../../../docs/lint.md", import.meta.url), "utf8").split(/^## PQ\d+ /m).slice(1);
const examples = (section: string, kind: string) => [...section.matchAll(new RegExp("```promql " + kind + "\\n([^`]*)\\n```", "g"))].map((match) => match[1] ?? "");
const SHARED = [
  "rate-of-gauge",
  "delta-of-counter",
  "aggregate-before-rate",
  "short-range",
  "regex-without-pattern",
  "regex-matches-all",
  "redundant-anchors",
  "glob-as-regex",
  "quantile-without-le",
  "quantile-without-rate",
  "bare-counter",
];

it.each(SHARED)("means by %s what `narthex promql lint` means", (rule) => {
  const section = sections.find((text) => text.startsWith(`${rule}\n`)) ?? "";
  const facts = { ...nothing, interval: 15 };
  const rules = (query: string) => hints(query, facts).map((hint) => hint.rule);
  expect(rules(examples(section, "bad")[0] ?? "")).toContain(rule);
  expect(examples(section, "good").length).toBeGreaterThan(0);
  for (const query of examples(section, "good")) expect(rules(query)).not.toContain(rule);
});
