// What a query says that its writer hardly meant, and what they may have meant.

import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { bareCounter, noWindow, rateOfRate, shortWindow, sumBeforeRate, wrongKind } from "./functions";
import { absentLabel, needlessRegex } from "./labels";
import { lostLe, outOfRange } from "./quantiles";
import { type Fix, type Hint, type Known, Source } from "./source";

type Rule = (node: SyntaxNode, source: Source) => Hint | undefined;

/** Rules by the syntax that they look at. */
const RULES: Readonly<Record<string, readonly Rule[]>> = {
  FunctionCall: [sumBeforeRate, wrongKind, rateOfRate, noWindow, lostLe, outOfRange],
  AggregateExpr: [outOfRange, absentLabel],
  MatrixSelector: [shortWindow],
  VectorSelector: [bareCounter],
  UnquotedLabelMatcher: [needlessRegex],
};

/** The hints of a query, in the order of its text. A query that does not parse has none: its error comes first. */
export function hints(query: string, known: Known): Hint[] {
  const source = new Source(query, known);
  const found: Hint[] = [];
  let broken = false;
  parser.parse(query).iterate({
    enter: ({ node }) => {
      broken ||= node.type.isError;
      for (const rule of RULES[node.name] ?? []) {
        const hint = rule(node, source);
        if (hint) found.push(hint);
      }
    },
  });
  return broken ? [] : found.sort((a, b) => a.from - b.from);
}

/** The query with the fix. */
export function apply(query: string, fix: Fix): string {
  // From the end, so that the places before stay true.
  const changes = fix.changes.map((change, i) => ({ ...change, i })).sort((a, b) => b.from - a.from || b.i - a.i);
  return changes.reduce((text, { from, to, insert }) => text.slice(0, from) + insert + text.slice(to), query);
}
