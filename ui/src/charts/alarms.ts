// What the alerting rules say of a chart: when alerts about its lines were pending or fired, and from which values on they do.

import { useMemo } from "preact/hooks";
import { useAsk } from "../api/ask";
import { range } from "../api/promql";
import { alertingRules } from "../api/rules";
import type { LabelSet, Rule } from "../api/types";
import { about, shared } from "../query/concern";
import { type Selector, selectors } from "../query/selectors";
import { plain, thresholdOf } from "../query/threshold";
import { type Band, type Bound, merged } from "./bands";
import { bandsOf } from "./spans";

export interface Alarms {
  bands: Band[];
  limits: Bound[];
}

const NONE: Alarms = { bands: [], limits: [] };
/** More rules than these are about too much to say something of a chart. */
const RULES_MAX = 50;
const SEVERE = /crit|page|emerg|fatal|disaster/i;

/** The bound that a rule sets; one that only asks for equality sets none. */
export function boundOf(rule: Rule): Bound | undefined {
  const threshold = thresholdOf(rule.query);
  if (threshold === undefined || threshold.op === "==" || threshold.op === "!=") return undefined;
  return { value: threshold.value, level: SEVERE.test(rule.labels?.["severity"] ?? "") ? "crit" : "warn", below: threshold.op.startsWith("<") };
}

/** Bounds of rules about the very expression of a query, each once. */
export function boundsOf(rules: readonly Rule[], queries: readonly string[]): Bound[] {
  const asked = new Set(queries.map(plain));
  const found = rules.flatMap((rule) => {
    const bound = boundOf(rule);
    const expr = thresholdOf(rule.query)?.expr ?? "";
    return bound && (asked.has(plain(expr)) || asked.has(plain(rule.query))) ? [bound] : [];
  });
  return [...new Map(found.map((bound) => [JSON.stringify(bound), bound])).values()];
}

/** Which rules may be about queries, by name, and what they have in common with each. */
export function concerning(rules: readonly Rule[], queries: readonly string[]): Map<string, Selector[]> {
  const asked = queries.flatMap(selectors);
  const found = new Map<string, Selector[]>();
  for (const rule of rules) {
    const both = shared(selectors(rule.query), asked);
    if (both.length > 0) found.set(rule.name, [...(found.get(rule.name) ?? []), ...both]);
  }
  return found;
}

const literal = (text: string) => text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");

/** What the rules say of a chart of these queries, whose lines have these labels. It comes after the chart, and never in its way. */
export function useAlarms(queries: readonly string[], lines: readonly LabelSet[], start: number, end: number, step: number): Alarms {
  const key = queries.join("\n");
  const rules = useAsk<readonly Rule[]>(async () => ({ data: await alertingRules(), warnings: [], infos: [] }), [key, start, end]).state.value.answer?.data;
  const concerned = useMemo(() => concerning(rules ?? [], queries), [rules, key]);
  const names = [...concerned.keys()].sort();
  const query = `ALERTS{alertname=~${JSON.stringify(names.map(literal).join("|"))}}`;
  const asks = names.length > 0 && names.length <= RULES_MAX;
  const past = useAsk(asks ? (signal) => range(query, start, end, step, signal) : undefined, [asks && query, start, end, step]).state.value.answer?.data;
  return useMemo(() => {
    const limits = boundsOf(rules ?? [], queries);
    const series = (past ?? []).filter(({ metric }) => about(metric, concerned.get(metric["alertname"] ?? "") ?? [], lines));
    return series.length === 0 && limits.length === 0 ? NONE : { bands: merged(bandsOf(series, step)), limits };
  }, [rules, past, concerned, lines]);
}
