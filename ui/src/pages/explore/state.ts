// The queries of the page, in the address as Prometheus has them: `g0.expr`, `g0.tab`, `g0.range_input`, `g0.end_input`.

import { parseDuration, parseTime, printDuration } from "../../format/time";

export interface Query {
  text: string;
  hidden: boolean;
}

export type Tab = "graph" | "table" | "raw" | "explain";

/** A page with more would be unreadable. */
export const QUERIES_MAX = 9;

export function readQueries(params: URLSearchParams): Query[] {
  const queries: Query[] = [];
  for (let i = 0; i < QUERIES_MAX; i += 1) {
    const text = params.get(`g${i}.expr`);
    if (text === null) break;
    queries.push({ text, hidden: params.get(`g${i}.hidden`) === "1" });
  }
  return queries.length === 0 ? [{ text: "", hidden: false }] : queries;
}

/** Prometheus wrote 0 and 1 in older links. */
export function readTab(params: URLSearchParams): Tab {
  const text = params.get("g0.tab") ?? "graph";
  if (text === "0" || text === "graph") return "graph";
  if (text === "1" || text === "table") return "table";
  return text === "raw" || text === "explain" ? text : "graph";
}

/** What a link of Prometheus says about the window, as parameters of ours; `undefined` when it says nothing new. */
export function adoptWindow(params: URLSearchParams): Record<string, string> | undefined {
  if (params.has("range")) return undefined;
  const length = parseDuration(params.get("g0.range_input") ?? "");
  if (length === undefined) return undefined;
  const end = parseTime(params.get("g0.end_input") ?? "", 0);
  return { range: printDuration(length), ...(end === undefined ? {} : { end: String(end) }) };
}

/** The changes of the address that show these queries. */
export function writeQueries(queries: readonly Query[], tab: Tab): Record<string, string | null> {
  const changes: Record<string, string | null> = {};
  for (let i = 0; i < QUERIES_MAX; i += 1) {
    const query = queries[i];
    changes[`g${i}.expr`] = query ? query.text : null;
    changes[`g${i}.hidden`] = query?.hidden ? "1" : null;
    changes[`g${i}.tab`] = query && i === 0 ? tab : null;
  }
  return changes;
}

const HISTORY = "narthex.queries";
const HISTORY_MAX = 100;

/** Queries that ran, the newest first. */
export function history(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(HISTORY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export function remember(text: string): void {
  if (text.trim() === "") return;
  const kept = [text, ...history().filter((one) => one !== text)].slice(0, HISTORY_MAX);
  try {
    localStorage.setItem(HISTORY, JSON.stringify(kept));
  } catch {
    // Storage may be forbidden.
  }
}
