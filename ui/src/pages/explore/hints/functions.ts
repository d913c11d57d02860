// Hints about functions: what they take, and of which metrics they make sense.

import type { SyntaxNode } from "@lezer/common";
import { parseDuration, printDuration } from "../../../format/time";
import { type Fix, type Hint, type Source, args, bare, withModifiers } from "./source";

/** Functions of counters, and what does the same for gauges. */
const OF_COUNTERS: Readonly<Record<string, string>> = { rate: "deriv", irate: "deriv", increase: "delta" };
/** Functions of gauges, and what does the same for counters. */
const OF_GAUGES: Readonly<Record<string, string>> = { deriv: "rate", delta: "increase", idelta: "increase" };

/** The window where the query has none, seconds. */
const WINDOW = 300;
/** A window holds this many scrapes, so that one that fails leaves no gap. */
const SCRAPES = 4;

/** A good window for a rate, as text. */
function window(source: Source): string {
  return printDuration(Math.max(WINDOW, SCRAPES * (source.known.interval ?? 0)));
}

function nameOf(call: SyntaxNode, source: Source): string {
  const name = call.getChild("FunctionIdentifier");
  return name ? source.text(name) : "";
}

function rename(call: SyntaxNode, to: string): Fix {
  const { from, to: end } = call.getChild("FunctionIdentifier") ?? call;
  return { label: `Use ${to}`, changes: [{ from, to: end, insert: to }] };
}

/** `rate` of what falls, `delta` of what only grows. */
export function wrongKind(call: SyntaxNode, source: Source): Hint | undefined {
  const name = nameOf(call, source);
  const matrix = args(call).map(bare).find((arg) => arg.name === "MatrixSelector");
  const selector = matrix?.firstChild && bare(matrix.firstChild);
  if (selector?.name !== "VectorSelector") return undefined;
  const metric = source.name(selector);
  const kind = source.kind(metric);
  const forGauges = OF_COUNTERS[name];
  const forCounters = OF_GAUGES[name];
  const at = { from: call.from, to: call.to };
  if (kind === "gauge" && forGauges !== undefined) {
    return { ...at, rule: "rate-of-gauge", text: `${metric} is a gauge: ${name} takes each fall for a restart.`, fix: rename(call, forGauges) };
  }
  if (kind === "counter" && forCounters !== undefined) {
    return { ...at, rule: "delta-of-counter", text: `${metric} is a counter: ${name} falls when it restarts.`, fix: rename(call, forCounters) };
  }
  return undefined;
}

/** `rate(job:x:rate5m[5m])` */
export function rateOfRate(call: SyntaxNode, source: Source): Hint | undefined {
  if (!(nameOf(call, source) in OF_COUNTERS)) return undefined;
  const matrix = args(call).map(bare).find((arg) => arg.name === "MatrixSelector");
  const selector = matrix?.firstChild && bare(matrix.firstChild);
  if (!selector || selector.name !== "VectorSelector") return undefined;
  const metric = source.name(selector);
  if (!/:i?(rate|increase)\d*[smhdwy]?(_|$)/.test(metric)) return undefined;
  return {
    rule: "rate-of-gauge",
    from: call.from,
    to: call.to,
    text: `${metric} is a rate already.`,
    fix: { label: "Use it as it is", changes: [{ from: call.from, to: call.to, insert: source.text(selector) }] },
  };
}

/** `rate(x)`, which the server refuses. */
export function noWindow(call: SyntaxNode, source: Source): Hint | undefined {
  const name = nameOf(call, source);
  if (!(name in OF_COUNTERS || name in OF_GAUGES || name.endsWith("_over_time") || /^(changes|resets|predict_linear)$/.test(name))) return undefined;
  const arg = args(call)[name === "quantile_over_time" ? 1 : 0];
  const selector = arg && bare(arg);
  if (selector?.name !== "VectorSelector") return undefined;
  const text = window(source);
  return {
    rule: "no-window",
    from: selector.from,
    to: selector.to,
    text: `${name} needs samples over time: a window.`,
    fix: { label: `Add [${text}]`, changes: [{ from: selector.to, to: selector.to, insert: `[${text}]` }] },
  };
}

/** A window that one failed scrape leaves without an answer. */
export function shortWindow(matrix: SyntaxNode, source: Source): Hint | undefined {
  const call = matrix.parent?.parent;
  const { interval } = source.known;
  const length = matrix.getChild("DurationExpr");
  if (!call || !length || interval === undefined) return undefined;
  const name = nameOf(call, source);
  const seconds = parseDuration(source.text(length).trim());
  if (!(name in OF_COUNTERS || name in OF_GAUGES) || seconds === undefined || seconds >= SCRAPES * interval) return undefined;
  const held = Math.floor(seconds / interval);
  const holds = held === 0 ? "no whole scrape" : held === 1 ? "one sample" : `${held} samples`;
  const better = printDuration(SCRAPES * interval);
  return {
    rule: "short-range",
    from: length.from,
    to: length.to,
    text: `Scrapes are ${printDuration(interval)} apart, so [${source.text(length)}] holds ${holds}: ${held < 2 ? "there is no answer" : "one failed scrape leaves a gap"}.`,
    fix: { label: `Use [${better}]`, changes: [{ from: length.from, to: length.to, insert: better }] },
  };
}

/** A rate of a sum: restarts of one counter look like falls of the sum. */
export function sumBeforeRate(call: SyntaxNode, source: Source): Hint | undefined {
  const name = nameOf(call, source);
  const over = args(call)[0];
  // The server refuses `sum(x)[5m]`; people write it.
  if (!(name in OF_COUNTERS) || !over || !["SubqueryExpr", "MatrixSelector"].includes(over.name)) return undefined;
  const outer = over.firstChild;
  const aggregate = outer && bare(outer);
  const op = aggregate?.getChild("AggregateOp");
  const length = over.getChild("DurationExpr");
  if (!aggregate || !op || !length) return undefined;
  const [only, more] = args(aggregate);
  const selector = only && bare(only);
  const hint: Hint = { rule: "aggregate-before-rate", from: call.from, to: call.to, text: `${source.text(op)} comes before ${name}: the restart of one counter looks like a fall of all of them.` };
  const simple = more === undefined && selector?.name === "VectorSelector" && /^(sum|avg)$/.test(source.text(op));
  if (!simple) return hint;
  const whole = withModifiers(selector);
  const rate = `${name}(${source.text(selector)}[${source.text(length)}]${source.query.slice(selector.to, whole.to)})`;
  const swapped = source.query.slice(aggregate.from, whole.from) + rate + source.query.slice(whole.to, aggregate.to);
  return { ...hint, fix: { label: `${name} first`, changes: [{ from: call.from, to: call.to, insert: swapped }] } };
}

/** Functions and aggregations that ask whether or how many there are, not for the value. */
const NOT_THE_VALUE = /^(absent|timestamp|count|group|count_values|limitk|limit_ratio)$/;

/** A counter as it stands: all since the start of a process, which says little. */
export function bareCounter(selector: SyntaxNode, source: Source): Hint | undefined {
  const metric = source.name(selector);
  if (source.kind(metric) !== "counter" || /_(count|sum)$/.test(metric)) return undefined;
  for (let node = selector; node.parent; node = node.parent) {
    const { parent } = node;
    if (parent.name === "MatrixSelector" || parent.name === "SubqueryExpr") return undefined;
    const op = parent.getChild("FunctionIdentifier") ?? parent.getChild("AggregateOp");
    if (op && NOT_THE_VALUE.test(source.text(op))) return undefined;
    // Functions over time tell that a window is missing.
    if (parent.name === "FunctionCall" && noWindow(parent, source)) return undefined;
    // The right side of `and` and `unless` only chooses.
    if (parent.name === "BinaryExpr" && (parent.getChild("And") || parent.getChild("Unless")) && parent.lastChild?.from === node.from) return undefined;
  }
  const whole = withModifiers(selector);
  const quantile = metric.endsWith("_bucket") && inQuantile(selector, source);
  return {
    rule: quantile ? "quantile-without-rate" : "bare-counter",
    from: selector.from,
    to: selector.to,
    text: `${metric} counts: ${quantile ? "the quantile is" : "its value is"} of all since the start of the process.`,
    fix: {
      label: `Use rate(…[${window(source)}])`,
      changes: [
        { from: whole.from, to: whole.from, insert: "rate(" },
        { from: selector.to, to: selector.to, insert: `[${window(source)}]` },
        { from: whole.to, to: whole.to, insert: ")" },
      ],
    },
  };
}

function inQuantile(node: SyntaxNode, source: Source): boolean {
  for (let outer = node.parent; outer; outer = outer.parent) {
    if (outer.name === "FunctionCall" && nameOf(outer, source) === "histogram_quantile") return true;
  }
  return false;
}
