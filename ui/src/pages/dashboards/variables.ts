// Variables of a dashboard: what they may be, what the address says they are.

import { readList } from "../../state/list";
import type { Variable } from "./model";
import { ALL } from "./substitute";

/** More choices than these are not listed. */
export const OPTIONS_MAX = 2000;

/** How a value of a variable is asked for. */
export type Lookup =
  | { kind: "label"; label: string; selector: string }
  | { kind: "names"; pattern: string }
  | { kind: "labels"; selector: string }
  | { kind: "result"; expr: string };

/** Reads `label_values(…)` and its like; `undefined` for what is none of them. */
export function lookup(text: string): Lookup | undefined {
  const call = /^\s*(\w+)\s*\(([\s\S]*)\)\s*$/.exec(text);
  if (call === null) return undefined;
  const [, name = "", inner = ""] = call;
  switch (name) {
    case "label_values": {
      const cut = lastComma(inner);
      const label = inner.slice(cut + 1).trim();
      if (!/^\w+$/.test(label)) return undefined;
      return { kind: "label", label, selector: cut < 0 ? "" : inner.slice(0, cut).trim() };
    }
    case "metrics":
      return { kind: "names", pattern: inner.trim() };
    case "label_names":
      return { kind: "labels", selector: inner.trim() };
    case "query_result":
      return { kind: "result", expr: inner.trim() };
    default:
      return undefined;
  }
}

/** The last comma outside of brackets and strings; -1 without one. */
function lastComma(text: string): number {
  let depth = 0;
  let quote = "";
  let found = -1;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] ?? "";
    if (quote !== "") {
      if (c === "\\") i += 1;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'" || c === "`") quote = c;
    else if ("({[".includes(c)) depth += 1;
    else if (")}]".includes(c)) depth -= 1;
    else if (c === "," && depth === 0) found = i;
  }
  return found;
}

/** Keeps what a Grafana variable's `regex` matches, or its group. Patterns that could run for ever are not run. */
export function kept(values: readonly string[], regex: string | undefined): string[] {
  if (regex === undefined || regex === "") return [...values];
  const found = /^\/([\s\S]*)\/(\w*)$/.exec(regex);
  const source = found?.[1] ?? regex;
  // Repeated groups that repeat inside take exponential time.
  if (source.length > 200 || /\([^)]*[+*][^)]*\)\s*[+*{]/.test(source)) return [...values];
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, (found?.[2] ?? "").replace(/[^ims]/g, ""));
  } catch {
    return [...values];
  }
  const out = values.flatMap((value) => {
    const match = pattern.exec(value.slice(0, 1000));
    return match === null ? [] : [match.groups?.["value"] ?? match[1] ?? value];
  });
  return [...new Set(out)];
}

/** A variable with its choices. */
export interface Resolved {
  variable: Variable;
  options: string[];
  /** Chosen ones; `ALL` alone is all of them. */
  chosen: string[];
}

/** What is chosen, given the choices: what the address says where it can be, else the variable's own, else the first. */
export function choose(variable: Variable, options: readonly string[], asked: string | null): string[] {
  const wanted = asked === null ? (variable.initial ?? []) : readList(asked);
  if (variable.free) return [wanted[0] ?? ""];
  if (wanted.includes(ALL) && variable.all) return [ALL];
  const possible = wanted.filter((value) => options.includes(value));
  if (possible.length > 0) return variable.multi ? possible : possible.slice(0, 1);
  if (variable.all) return [ALL];
  return options.length > 0 ? options.slice(0, 1) : [""];
}

/** What a choice stands for in queries. */
export function meaning({ variable, options, chosen }: Resolved): string[] {
  if (chosen.includes(ALL)) {
    if (variable.allValue !== undefined) return [variable.allValue];
    return options.length > 0 ? options : [".*"];
  }
  return chosen;
}
