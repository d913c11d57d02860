// The server's alerting rules, for whoever wants to know what watches a series; asked at most once a minute.

import { get } from "./client";
import type { Rule } from "./types";

/** How long an answer is good enough, ms. */
const KEPT = 60_000;

let kept: { at: number; rules: Promise<readonly Rule[]> } | undefined;

async function ask(): Promise<readonly Rule[]> {
  const { data } = await get("rules", { type: "alert", exclude_alerts: "true" });
  return data.groups.flatMap((group) => group.rules);
}

/** Alerting rules of all groups. */
export function alertingRules(): Promise<readonly Rule[]> {
  const now = performance.now();
  if (kept === undefined || now - kept.at > KEPT) {
    const rules = ask();
    kept = { at: now, rules };
    // A failure is not kept.
    rules.catch(() => (kept = undefined));
  }
  return kept.rules;
}
