// Selectors in the text of a query, found without a parser: which metrics it reads, and of them which series.

export interface Matcher {
  label: string;
  op: "=" | "!=" | "=~" | "!~";
  value: string;
}

export interface Selector {
  /** Empty where matchers alone say what is read. */
  name: string;
  matchers: Matcher[];
  /** Where another matcher may stand: behind the opening brace, or behind the name of a selector without braces. */
  at: number;
  braces: boolean;
}

/** A list of labels follows them. */
const LISTS = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const WORDS = new Set(["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end", "smoothed", "anchored"]);

const NAME = /[a-zA-Z_:][\w:]*/y;
const NUMBER = /[\d.][\w.]*/y;
const STRING = /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|`[^`]*`/y;
const SPACE = /(?:\s+|#[^\n]*)*/y;
const MATCHER = /(?:([a-zA-Z_][\w.:]*)|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`))\s*(?:(=~|!~|!=|=)\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`))?/y;

/** Where the text that a pattern matches at a place ends; the place itself where it does not. */
function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r" };

/** What a string of PromQL stands for, but for the escapes by number that nobody writes by hand. */
function meaning(written: string): string {
  const inner = written.slice(1, -1);
  return written.startsWith("`") ? inner : inner.replace(/\\([\s\S])/g, (_, c: string) => ESCAPES[c] ?? c);
}

/** Reads what stands in braces, from behind the opening one. Gives the end behind the closing one. */
function inBraces(text: string, from: number, into: Selector): number {
  let at = past(SPACE, text, from);
  while (at < text.length && text[at] !== "}") {
    MATCHER.lastIndex = at;
    const found = MATCHER.exec(text);
    if (found === null) {
      at += 1;
    } else {
      const [, plain, quoted, op, value] = found;
      const label = plain ?? meaning(quoted ?? '""');
      if (op === undefined || value === undefined) {
        if (quoted !== undefined) into.name = label;
      } else if (label === "__name__" && op === "=") into.name = meaning(value);
      else into.matchers.push({ label, op: op as Matcher["op"], value: meaning(value) });
      at = MATCHER.lastIndex;
    }
    at = past(SPACE, text, at);
    if (text[at] === ",") at = past(SPACE, text, at + 1);
  }
  return at + 1;
}

/** The selectors of a query, in their order. */
export function selectors(text: string): Selector[] {
  const found: Selector[] = [];
  let at = past(SPACE, text, 0);
  while (at < text.length) {
    const c = text[at] ?? "";
    const word = past(NAME, text, at);
    if (word > at) {
      const name = text.slice(at, word);
      const next = past(SPACE, text, word);
      if (LISTS.has(name.toLowerCase())) {
        at = text[next] === "(" ? text.indexOf(")", next) + 1 || text.length : next;
      } else if (text[next] === "{") {
        const selector: Selector = { name, matchers: [], at: next + 1, braces: true };
        found.push(selector);
        at = inBraces(text, next + 1, selector);
      } else {
        const grouped = LISTS.has(text.slice(next, past(NAME, text, next)).toLowerCase());
        const called = text[next] === "(" || (grouped && /^(by|without)\b/i.test(text.slice(next)));
        if (!called && !WORDS.has(name.toLowerCase())) found.push({ name, matchers: [], at: word, braces: false });
        at = next;
      }
    } else if (c === "{") {
      const selector: Selector = { name: "", matchers: [], at: at + 1, braces: true };
      found.push(selector);
      at = inBraces(text, at + 1, selector);
    } else if (c === "[") {
      at = text.indexOf("]", at) + 1 || text.length;
    } else {
      at = Math.max(past(NUMBER, text, at), past(STRING, text, at), at + 1);
    }
    at = past(SPACE, text, at);
  }
  return found;
}

/** Adds matchers, written as in a query, to the selectors of a query: those that are wanted for the name of each. */
export function narrow(text: string, wanted: (name: string) => readonly string[]): string {
  let out = "";
  let done = 0;
  for (const { name, matchers, at, braces } of selectors(text)) {
    const more = wanted(name).join(",");
    if (more === "") continue;
    out += text.slice(done, at) + (braces ? (matchers.length > 0 || text[at] !== "}" ? `${more},` : more) : `{${more}}`);
    done = at;
  }
  return out + text.slice(done);
}

/** Whether a value is what a matcher asks for; a pattern that JavaScript reads otherwise matches everything. */
export function matches({ op, value }: Matcher, actual: string): boolean {
  if (op === "=") return actual === value;
  if (op === "!=") return actual !== value;
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^(?:${value})$`, "s");
  } catch {
    return true;
  }
  return pattern.test(actual) === (op === "=~");
}
