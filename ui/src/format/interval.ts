// How often the server scrapes, as its configuration says.

import { parseDuration } from "./time";

/** Seconds from scrape to scrape where a job does not say otherwise; `undefined` where the text does not tell. */
export function intervalIn(yaml: string): number | undefined {
  const global = /^global:\n((?:[ \t]+.*\n?)*)/m.exec(yaml)?.[1] ?? "";
  const text = /^\s*scrape_interval:\s*"?([\w.]+)/m.exec(global)?.[1];
  return (text === undefined ? undefined : parseDuration(text)) || undefined;
}
