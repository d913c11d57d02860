// The unit of a query's values, from the names in it: Prometheus's naming rules, and what functions do to units.

import type { Unit } from "./numbers";

const SUFFIXES: readonly [RegExp, Unit][] = [
  [/_bytes(_total)?$/, "bytes"],
  [/_seconds(_total|_sum)?$/, "seconds"],
  [/_timestamp(_seconds)?$/, "time"],
  [/_ratio$|_utilisation$|_percent$/, "ratio"],
];

/** The unit that a metric's name promises. */
export function unitOfMetric(name: string): Unit {
  if (/_timestamp_seconds$|_time_seconds$/.test(name) && !/_total$/.test(name)) return "time";
  return SUFFIXES.find(([suffix]) => suffix.test(name))?.[1] ?? "number";
}

const RATE = /\b(rate|irate|deriv)\s*\(/;
const COUNTING = /\b(count|count_values|count_over_time|changes|resets|present_over_time)\s*(by|without)?\s*[(]/;

/** The unit of a query's values; `number` where the text does not tell. */
export function unitOfQuery(query: string): Unit {
  const text = query.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/g, '""');
  if (COUNTING.test(text)) return "count";
  const names = [...text.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*/g)].map((match) => match[0]);
  const units = new Set(names.map(unitOfMetric).filter((unit) => unit !== "number"));
  if (/\btimestamp\s*\(|\btime\s*\(/.test(text)) return units.size === 0 && /^\s*timestamp/.test(text) ? "time" : "seconds";
  // A quotient of equal units is a share; of anything else we do not know.
  const divided = splitTop(text, "/");
  if (divided.length === 2) {
    const [above, below] = divided.map((part) => unitOfQuery(part ?? ""));
    if (above !== undefined && above === below && above !== "number") return "ratio";
    return "number";
  }
  const [unit] = units;
  if (units.size !== 1 || unit === undefined) return "number";
  if (RATE.test(text)) {
    if (unit === "bytes") return "bytes/s";
    // Seconds per second: a share of time.
    if (unit === "seconds") return "ratio";
  }
  return unit;
}

/** Splits at an operator that stands in no bracket. */
function splitTop(text: string, operator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (c === "(" || c === "[" || c === "{") depth += 1;
    else if (c === ")" || c === "]" || c === "}") depth -= 1;
    else if (c === operator && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}
