// Recorded series where there are rules that record them; their expressions where there are none.

import type { Board } from "./model";

const KEYWORDS = new Set(["and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "start", "end", "inf", "nan"]);

/** Names of metrics in an expression. */
export function metricsOf(expr: string): string[] {
  const found = new Set<string>();
  // Strings, matchers, lists of labels and windows hold no metrics.
  const text = expr
    .replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, '""')
    .replace(/\{[^}]*\}/g, "{}")
    .replace(/\[[^\]]*\]/g, "[]")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/gi, " ");
  for (const match of text.matchAll(/(?<![\w:$.])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])/g)) {
    const name = match[1] ?? "";
    if (!KEYWORDS.has(name.toLowerCase())) found.add(name);
  }
  return [...found];
}

function nameOf(selector: string): string {
  return selector.split("{", 1)[0] ?? selector;
}

/** Every name whose presence decides how a dashboard is drawn, or why it is empty. */
export function namesOf(board: Board): string[] {
  const names = new Set(Object.keys(board.raw).map(nameOf));
  for (const raw of Object.values(board.raw)) for (const name of metricsOf(raw)) names.add(name);
  for (const row of board.rows) for (const panel of row.panels) for (const query of panel.queries) for (const name of metricsOf(query.expr)) names.add(name);
  return [...names].filter((name) => !name.includes("$")).sort();
}

/** How an expression is asked: as it stands without recorded series, by recorded series, or by their expressions. */
export type Source = "as written" | "recorded" | "raw";

export interface Asked {
  expr: string;
  source: Source;
}

/** The expression that gives an answer with the series that there are. */
export function withFallback(expr: string, raw: Board["raw"], present: ReadonlySet<string>): Asked {
  let text = expr;
  let source: Source = "as written";
  // The longest first: a selector may begin like another.
  for (const [selector, expression] of Object.entries(raw).sort(([a], [b]) => b.length - a.length)) {
    if (!text.includes(selector)) continue;
    if (present.has(nameOf(selector))) {
      if (source === "as written") source = "recorded";
    } else {
      text = text.replaceAll(selector, () => `(${expression})`);
      source = "raw";
    }
  }
  return { expr: text, source };
}

const EXPORTERS: readonly [RegExp, string][] = [
  [/^node_/, "node exporter, or the built-in collector at /host/metrics"],
  [/^kube_/, "kube-state-metrics"],
  [/^container_/, "the kubelet, at /metrics/cadvisor"],
  [/^kubelet_/, "the kubelet, at /metrics"],
];

/** Who has a metric; `undefined` when its name does not tell. */
export function exporterOf(metric: string): string | undefined {
  return EXPORTERS.find(([name]) => name.test(metric))?.[1];
}
