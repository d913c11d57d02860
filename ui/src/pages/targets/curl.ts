// The line for a shell that asks a target as a scrape does.

/** Within single quotes a shell takes everything but their end as it is. */
const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

/** Passwords and tokens of the job are not told, so they are not in it. */
export function curlLine(url: string, seconds: number | undefined): string {
  return ["curl -sS", ...(seconds === undefined ? [] : [`-m ${seconds}`]), quoted(url)].join(" ");
}
