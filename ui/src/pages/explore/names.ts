// What the text of a query tells without a parser.

/** Names of metrics in a query: words before a brace, a bracket, a modifier or the end, that are no function. */
export function metricNames(query: string): string[] {
  const text = query.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`]*`/g, '""').replace(/\{[^}]*\}/g, " ");
  const grouped = text.replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
  const words = [...grouped.matchAll(/(?<![\w:\d.])([a-zA-Z_:][\w:]*)(?![\w:])(?!\s*\()/g)].map((match) => match[1] ?? "");
  const known = new Set(["and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end", "by", "without", "atan2"]);
  return [...new Set(words.filter((word) => !known.has(word.toLowerCase())))].filter((word) => !/^\d/.test(word));
}

/** Only a plain selector has stored samples: a name, matchers, or both. */
export function isSelector(query: string): boolean {
  return /^\s*([a-zA-Z_:][\w:]*\s*)?(\{[^{}]*\})?\s*$/.test(query) && query.trim() !== "";
}
