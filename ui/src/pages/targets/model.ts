// Targets by job, the ones with trouble first.

import type { ActiveTarget, TargetsData } from "../../api/types";
import { parseDuration } from "../../format/time";

export type Kind = "all" | "down" | "slow" | "dropped";

export interface Job {
  name: string;
  targets: ActiveTarget[];
  down: number;
  slow: number;
  dropped: number;
}

/** A scrape that takes more than this share of its time limit is slow. */
const SLOW = 0.3;

export function isSlow(target: ActiveTarget): boolean {
  const limit = parseDuration(target.scrapeTimeout) ?? Infinity;
  return target.health === "up" && target.lastScrapeDuration > SLOW * limit;
}

function weight(target: ActiveTarget): number {
  if (target.health === "down") return 0;
  return isSlow(target) ? 1 : 2;
}

export function jobsOf(data: TargetsData): Job[] {
  const jobs = new Map<string, Job>();
  const at = (name: string): Job => {
    const job = jobs.get(name) ?? { name, targets: [], down: 0, slow: 0, dropped: 0 };
    jobs.set(name, job);
    return job;
  };
  for (const target of data.activeTargets) {
    const job = at(target.scrapePool);
    job.targets.push(target);
    if (target.health === "down") job.down += 1;
    if (isSlow(target)) job.slow += 1;
  }
  for (const [name, dropped] of Object.entries(data.droppedTargetCounts ?? {})) at(name).dropped = dropped;
  for (const job of jobs.values()) job.targets.sort((a, b) => weight(a) - weight(b));
  return [...jobs.values()].sort((a, b) => b.down - a.down || b.slow - a.slow || a.name.localeCompare(b.name));
}

export function worth(target: ActiveTarget, kind: Kind): boolean {
  return kind === "all" || (kind === "down" && target.health === "down") || (kind === "slow" && isSlow(target));
}

/** The text is in the address, in an error, or in `label="value"`. */
export function matches(target: ActiveTarget, filter: string): boolean {
  const text = filter.trim().toLowerCase();
  if (text === "") return true;
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}="${value}"`);
  return [target.scrapeUrl, target.lastError, ...labels].some((part) => part.toLowerCase().includes(text));
}
