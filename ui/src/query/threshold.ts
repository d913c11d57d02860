// What a rule compares with which number: `rate(a[5m]) > 10`.

export interface Threshold {
  /** What is compared. */
  expr: string;
  op: ">" | ">=" | "<" | "<=" | "==" | "!=";
  value: number;
}

const SET = /\b(?:and|or|unless)\b/y;
const OPERATOR = /(>=|<=|==|!=|>|<)\s*(?:bool\b\s*)?/y;
const STRING = /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|`[^`]*`|#[^\n]*/y;
const WORD = /[\w:]+/y;
const NUMBER = /^[+-]?(?:\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf)$/i;

/** Where a pattern's match at a place ends. */
function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** The parts of a query between `and`, `or` and `unless`, and in each the last comparison outside of brackets. */
function* comparisons(text: string): Generator<{ from: number; at: number; behind: number; to: number }> {
  let depth = 0;
  let from = 0;
  let found: { at: number; behind: number } | undefined;
  for (let at = 0; at < text.length; ) {
    const c = text[at] ?? "";
    const string = past(STRING, text, at);
    if ("({[".includes(c)) depth += 1;
    if (")}]".includes(c)) depth -= 1;
    const set = depth === 0 ? past(SET, text, at) : at;
    const operator = depth === 0 ? past(OPERATOR, text, at) : at;
    if (set > at) {
      if (found) yield { from, ...found, to: at };
      found = undefined;
      from = set;
    } else if (operator > at) found = { at, behind: operator };
    at = Math.max(string, set, operator, past(WORD, text, at), at + 1);
  }
  if (found) yield { from, ...found, to: text.length };
}

/** The first comparison of a query with a number. */
export function thresholdOf(query: string): Threshold | undefined {
  for (const { from, at, behind, to } of comparisons(query)) {
    const number = query.slice(behind, to).trim();
    const expr = query.slice(from, at).trim();
    if (expr === "" || !NUMBER.test(number)) continue;
    const value = /inf$/i.test(number) ? Infinity : Number(number.replaceAll("_", ""));
    return { expr, op: /^[<>=!]+/.exec(query.slice(at))?.[0] as Threshold["op"], value: number.startsWith("-") && value === Infinity ? -Infinity : value };
  }
  return undefined;
}

/** A query without the spaces and brackets that mean nothing, to compare it with others. */
export function plain(query: string): string {
  let text = query.replace(/\s+/g, "");
  // Brackets around everything.
  while (text.startsWith("(") && closing(text) === text.length - 1) text = text.slice(1, -1);
  return text;
}

/** Where the bracket that a text begins with is closed. */
function closing(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at = Math.max(past(STRING, text, at), at + 1)) {
    if (text[at] === "(") depth += 1;
    if (text[at] === ")" && (depth -= 1) === 0) return at;
  }
  return -1;
}
