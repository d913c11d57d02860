// Variables in texts: `$name`, `${name}`, `${name:format}`, `[[name]]`.

import { printDuration } from "../../format/time";

/** Grafana's word for everything. */
export const ALL = "$__all";

/** What variables stand for. */
export type Values = ReadonlyMap<string, readonly string[]>;

const VARIABLE = /\$\{(\w+)(?:\.\w+)?(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$([A-Za-z_]\w*)/g;

/** A value as a part of a string of PromQL. */
function escaped(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

/** A value as a regular expression that matches it alone, in a string of PromQL. */
function pattern(value: string): string {
  return escaped(value.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&"));
}

/** Values that are regular expressions already: what `All` may stand for. */
const PATTERNS: ReadonlySet<string> = new Set([".*", ".+"]);

function regex(values: readonly string[]): string {
  const parts = values.map((value) => (PATTERNS.has(value) ? value : pattern(value)));
  return parts.length === 1 ? (parts[0] ?? "") : `(${parts.join("|")})`;
}

function formatted(values: readonly string[], format: string): string {
  switch (format) {
    case "regex":
      return regex(values);
    case "pipe":
      return values.join("|");
    case "csv":
      return values.join(",");
    case "doublequote":
      return values.map((value) => `"${escaped(value)}"`).join(",");
    case "raw":
    case "text":
      return values.length === 1 ? (values[0] ?? "") : values.join(" + ");
    default:
      return values.length === 1 ? escaped(values[0] ?? "") : regex(values);
  }
}

/** Puts values into PromQL. Behind `=~` and `!~` they become regular expressions that match just them. */
export function fill(expr: string, values: Values): string {
  return expr.replace(VARIABLE, (whole: string, braced?: string, format?: string, old?: string, oldFormat?: string, plain?: string, ...rest: unknown[]) => {
    const held = values.get(braced ?? old ?? plain ?? "");
    if (held === undefined) return whole;
    const asked = format ?? oldFormat;
    if (asked !== undefined) return formatted(held, asked);
    const at = rest.find((one): one is number => typeof one === "number") ?? 0;
    const before = expr.slice(0, at);
    if (/[=!]~\s*["'`][^"'`]*$/.test(before)) return regex(held);
    // Outside of strings, as in `[$interval]`, it is text.
    const inString = (before.replace(/\\./g, "").split('"').length - 1) % 2 === 1;
    return inString ? formatted(held, "") : held.join("|");
  });
}

/** Puts values into a text that people read. */
export function fillText(text: string, values: Values): string {
  return text.replace(VARIABLE, (whole: string, braced?: string, _format?: string, old?: string, _oldFormat?: string, plain?: string) => {
    const held = values.get(braced ?? old ?? plain ?? "");
    return held === undefined ? whole : held.map((value) => (PATTERNS.has(value) ? "all" : value)).join(" + ");
  });
}

/** The window of rates, seconds: four scrapes bear a lost one, and no sample between two points is left out. */
export function rateInterval(step: number, interval: number): number {
  return Math.max(4 * interval, step + interval);
}

/** Variables that the window gives. `interval` is how often is scraped; all seconds. */
export function windowValues(start: number, end: number, step: number, interval: number): Map<string, string[]> {
  const length = Math.max(1, end - start);
  return new Map([
    ["__rate_interval", [printDuration(rateInterval(step, interval))]],
    ["__interval", [printDuration(step)]],
    ["__interval_ms", [String(step * 1000)]],
    ["__range", [printDuration(length)]],
    ["__range_s", [String(length)]],
    ["__range_ms", [String(length * 1000)]],
    ["__from", [String(start * 1000)]],
    ["__to", [String(end * 1000)]],
  ]);
}
