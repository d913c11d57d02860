// Thresholds of a panel as bounds over its lines.

import type { Bound } from "../../charts/bands";
import type { Level, Step } from "./model";

const bad = (level: Level | undefined): level is "warn" | "crit" => level === "warn" || level === "crit";

/** A step that is bad begins at its value; what is bad from the very first ends where it gets better. */
export function boundsOfSteps(steps: readonly Step[]): Bound[] {
  const sorted = [...steps].sort((a, b) => a.from - b.from);
  const rank = (level: Level | undefined) => (level === "crit" ? 2 : level === "warn" ? 1 : 0);
  return sorted.flatMap((step, i): Bound[] => {
    const before = sorted[i - 1];
    if (before === undefined || !Number.isFinite(step.from)) return [];
    if (rank(step.level) > rank(before.level) && bad(step.level)) return [{ value: step.from, level: step.level }];
    if (rank(step.level) < rank(before.level) && bad(before.level)) return [{ value: step.from, level: before.level, below: true }];
    return [];
  });
}
