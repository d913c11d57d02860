// Hints about quantiles: what they are taken of, and which.

import type { SyntaxNode } from "@lezer/common";
import { type Change, type Hint, type Source, args, bare, within } from "./source";

/** A quantile that is no share: people write 95 and mean 0.95. */
export function outOfRange(call: SyntaxNode, source: Source): Hint | undefined {
  const op = call.getChild("FunctionIdentifier") ?? call.getChild("AggregateOp");
  if (!op || !/^(histogram_quantile|quantile|quantile_over_time)$/.test(source.text(op))) return undefined;
  const [first] = args(call);
  const text = first && source.text(first).trim();
  if (!first || text === undefined || !/^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  if (!(value < 0 || value > 1)) return undefined;
  const hint: Hint = { rule: "quantile-range", from: first.from, to: first.to, text: `A quantile is a share from 0 to 1; of ${text} the answer is ${value > 1 ? "+Inf" : "-Inf"} everywhere.` };
  if (value < 0 || value > 100) return hint;
  const share = String(Number((value / 100).toPrecision(12)));
  return { ...hint, fix: { label: `Use ${share}`, changes: [{ from: first.from, to: first.to, insert: share }] } };
}

/** `histogram_quantile` of buckets that no longer say which they are. */
export function lostLe(call: SyntaxNode, source: Source): Hint | undefined {
  const name = call.getChild("FunctionIdentifier");
  if (!name || source.text(name) !== "histogram_quantile") return undefined;
  const second = args(call)[1];
  const aggregate = second && bare(second);
  const op = aggregate?.getChild("AggregateOp");
  if (!aggregate || !op || !within(aggregate, "VectorSelector").some((selector) => /_bucket$/.test(source.name(selector)))) return undefined;
  const change = keepLe(aggregate, op, source);
  if (change === undefined) return undefined;
  return {
    rule: "quantile-without-le",
    from: aggregate.from,
    to: aggregate.to,
    text: `histogram_quantile needs the label le, and ${source.text(op)} takes it away.`,
    fix: { label: "Keep le", changes: [change] },
  };
}

/** The change that keeps `le`; nothing where it is kept already. */
function keepLe(aggregate: SyntaxNode, op: SyntaxNode, source: Source): Change | undefined {
  const modifier = aggregate.getChild("AggregateModifier");
  const grouping = modifier?.getChild("GroupingLabels");
  if (!modifier || !grouping) return { from: op.to, to: op.to, insert: source.query[op.to] === "(" ? " by (le) " : " by (le)" };
  const labels = within(grouping, "LabelName").map((label) => source.text(label));
  if (modifier.getChild("By")) {
    if (labels.includes("le")) return undefined;
    const inside = grouping.from + 1;
    return { from: inside, to: inside, insert: labels.length === 0 ? "le" : "le, " };
  }
  if (!labels.includes("le")) return undefined;
  return { from: grouping.from, to: grouping.to, insert: `(${labels.filter((label) => label !== "le").join(", ")})` };
}
