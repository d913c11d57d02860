// A query as hints look at it: its syntax tree, and what is known of the metrics that it names.

import type { SyntaxNode } from "@lezer/common";

/** A replacement of a part of the query. */
export interface Change {
  from: number;
  to: number;
  insert: string;
}

export interface Fix {
  /** What the button says. */
  label: string;
  changes: Change[];
}

export interface Hint {
  /** The rule that found it, named as in `docs/lint.md` where it is the same. */
  rule: string;
  /** The part of the query that it is about. */
  from: number;
  to: number;
  text: string;
  fix?: Fix;
}

/** What the server knows; all of it may be unknown. */
export interface Known {
  /** Types by the name of the metric's family, as `/api/v1/metadata` tells them. */
  types: ReadonlyMap<string, string>;
  /** Names of labels by the name of the metric. */
  labels: ReadonlyMap<string, readonly string[]>;
  /** Seconds from scrape to scrape. */
  interval: number | undefined;
}

export type Kind = "counter" | "gauge" | undefined;

/** Names that say by themselves that a value goes up and down. */
const GAUGE = /(_bytes|_ratio|_celsius|_percent|_info|_timestamp_seconds|_time_seconds)$|^node_load\d+$|^up$/;

export class Source {
  constructor(
    readonly query: string,
    readonly known: Known,
  ) {}

  text(node: SyntaxNode): string {
    return this.query.slice(node.from, node.to);
  }

  /** Whether a metric counts up, or goes up and down; by its metadata, else by its name. */
  kind(name: string): Kind {
    const { types } = this.known;
    const family = name.replace(/_(bucket|count|sum)$/, "");
    const type = types.get(name) ?? types.get(name.replace(/_total$/, ""));
    if (type === "counter" || type === "gauge") return type;
    if (family !== name && /^(histogram|summary)$/.test(types.get(family) ?? "")) return "counter";
    if (type !== undefined && type !== "unknown") return undefined;
    if (/_(total|bucket)$/.test(name) && !name.includes(":")) return "counter";
    return GAUGE.test(name) ? "gauge" : undefined;
  }

  /** The name of the metric that a selector names. */
  name(selector: SyntaxNode): string {
    const plain = selector.getChild("Identifier");
    return plain ? this.text(plain) : "";
  }
}

/** Syntax that stands around an expression and leaves it the same for us: parentheses, `offset`, `@`. */
const WRAPPERS = new Set(["ParenExpr", "OffsetExpr", "StepInvariantExpr", "AnchoredExpr", "SmoothedExpr"]);

/** The expression within parentheses and modifiers. */
export function bare(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (WRAPPERS.has(inner.name) && inner.firstChild) inner = inner.firstChild;
  return inner;
}

/** The selector with its `offset` and `@`. */
export function withModifiers(selector: SyntaxNode): SyntaxNode {
  let outer = selector;
  while (outer.parent && outer.parent.name !== "ParenExpr" && WRAPPERS.has(outer.parent.name)) outer = outer.parent;
  return outer;
}

/** The arguments of a function or an aggregation. */
export function args(call: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let node = call.getChild("FunctionCallBody")?.firstChild ?? null; node; node = node.nextSibling) {
    if (node.name !== "LineComment") found.push(node);
  }
  return found;
}

/** All nodes of a kind within one. */
export function within(node: SyntaxNode, kind: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  node.cursor().iterate((at) => {
    if (at.name === kind) found.push(at.node);
  });
  return found;
}
