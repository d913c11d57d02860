// Hints about labels: matchers that do nothing, and labels that are not there.

import type { SyntaxNode } from "@lezer/common";
import { type Hint, type Source, within } from "./source";

/** The pattern in a string, when nothing in it is escaped for the language itself. */
function patternOf(literal: string): string | undefined {
  const inner = literal.slice(1, -1);
  return literal.startsWith("`") || !inner.includes("\\") ? inner : undefined;
}

/** A regular expression that does nothing, or that says the same as a comparison. */
export function needlessRegex(matcher: SyntaxNode, source: Source): Hint | undefined {
  const label = matcher.getChild("LabelName");
  const op = matcher.getChild("MatchOp");
  const literal = matcher.getChild("StringLiteral");
  if (!label || !op || !literal) return undefined;
  const operator = source.text(op);
  const pattern = patternOf(source.text(literal));
  if (!/^[=!]~$/.test(operator) || pattern === undefined) return undefined;
  const at = { from: matcher.from, to: matcher.to };
  const name = source.text(label);
  if (pattern === ".*" && operator === "=~") {
    return { ...at, rule: "regex-matches-all", text: `${name}=~".*" matches every series, with and without ${name}.`, fix: { label: "Remove it", changes: [removal(matcher, source)] } };
  }
  const plain = pattern.replace(/^\^/, "").replace(/(?<!\\)\$$/, "");
  const compare = operator === "=~" ? "=" : "!=";
  const literalText = /^[\w\s:/@,;=<>~%&#'!-]*$/.test(plain);
  // Dots between words and numbers are those of addresses and file names.
  const dotted = !literalText && /^[\w:/@-]+(\.[\w:/@-]+)+$/.test(plain);
  const quote = source.text(literal).charAt(0);
  const insert = `${name}${literalText || dotted ? compare : operator}${quote}${plain}${quote}`;
  const fix = { label: literalText || dotted ? `Use ${compare}` : "Remove them", changes: [{ ...at, insert }] };
  if (/^[\w-]+\*$/.test(pattern)) {
    const any = pattern.replace("*", ".*");
    const text = `In a pattern * repeats the letter before it: "${any}" is what begins so.`;
    return { ...at, rule: "glob-as-regex", text, fix: { label: `Use ${any}`, changes: [{ ...at, insert: `${name}${operator}${quote}${any}${quote}` }] } };
  }
  if (plain !== pattern) return { ...at, rule: "redundant-anchors", text: `A pattern here always has to match the whole value: ^ and $ do nothing.`, fix };
  if (literalText) return { ...at, rule: "regex-without-pattern", text: `"${plain}" is no pattern: ${compare} finds it faster.`, fix };
  if (dotted) return { ...at, rule: "regex-without-pattern", text: `In a pattern each dot of "${plain}" stands for any character.`, fix };
  return undefined;
}

/** Takes a matcher away, with the comma beside it. */
function removal(matcher: SyntaxNode, source: Source) {
  const after = /^\s*,\s*/.exec(source.query.slice(matcher.to))?.[0];
  if (after !== undefined) return { from: matcher.from, to: matcher.to + after.length, insert: "" };
  const before = /\s*,\s*$/.exec(source.query.slice(0, matcher.from))?.[0] ?? "";
  return { from: matcher.from - before.length, to: matcher.to, insert: "" };
}

/** `by` a label that none of the metrics has. */
export function absentLabel(aggregate: SyntaxNode, source: Source): Hint | undefined {
  const modifier = aggregate.getChild("AggregateModifier");
  const body = aggregate.getChild("FunctionCallBody");
  if (!modifier?.getChild("By") || !body) return undefined;
  // What these make may have any label.
  if (within(body, "FunctionIdentifier").some((name) => /^(label_replace|label_join|info)$/.test(source.text(name)))) return undefined;
  if (within(body, "CountValues").length > 0) return undefined;
  const metrics = [...new Set(within(body, "VectorSelector").map((selector) => source.name(selector)))];
  const there = metrics.map((metric) => source.known.labels.get(metric));
  if (metrics.length === 0 || there.some((labels) => labels === undefined || labels.length === 0)) return undefined;
  const all = [...new Set(there.flatMap((labels) => labels ?? []))];
  for (const node of within(modifier, "LabelName")) {
    const name = source.text(node);
    if (all.includes(name)) continue;
    const close = all.find((label) => label !== "__name__" && distance(label, name) <= 2);
    return {
      rule: "absent-label",
      from: node.from,
      to: node.to,
      text: `No series of ${metrics.join(", ")} has a label ${name}.`,
      ...(close === undefined ? {} : { fix: { label: `Use ${close}`, changes: [{ from: node.from, to: node.to, insert: close }] } }),
    };
  }
  return undefined;
}

/** How many letters differ (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
