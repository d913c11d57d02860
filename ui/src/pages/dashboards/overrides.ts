// Rules of a panel about single fields: names, units, thresholds.

import type { Override, Panel } from "./model";

function safely(pattern: string): RegExp | undefined {
  // Repeated groups that repeat inside take exponential time.
  if (pattern.length > 200 || /\([^)]*[+*][^)]*\)\s*[+*{]/.test(pattern)) return undefined;
  const found = /^\/([\s\S]*)\/(\w*)$/.exec(pattern);
  try {
    return new RegExp(found?.[1] ?? pattern, (found?.[2] ?? "").replace(/[^ims]/g, ""));
  } catch {
    return undefined;
  }
}

/** A pattern of a dashboard that came from somewhere; `undefined` for one that is none, or may run for ever. */
export const patternOf = safely;

/** What the rules say of a field, later ones above earlier ones. */
export function overrideOf(panel: Panel, name: string, query: string | undefined): Override {
  let all: Override = {};
  for (const rule of panel.overrides ?? []) {
    const hit =
      rule.name !== undefined
        ? rule.name === name
        : rule.pattern !== undefined
          ? safely(rule.pattern)?.test(name.slice(0, 1000)) === true
          : rule.query !== undefined && rule.query === query;
    if (hit) all = { ...all, ...rule };
  }
  return all;
}

/** The name that transformations give a line. */
export function renamed(panel: Panel, name: string): string {
  let text = name;
  for (const { id, options } of panel.transformations ?? []) {
    const { regex, renamePattern } = options;
    if (id !== "renameByRegex" || typeof regex !== "string" || typeof renamePattern !== "string") continue;
    const pattern = safely(regex);
    if (pattern) text = text.slice(0, 1000).replace(pattern, renamePattern);
  }
  return text;
}
