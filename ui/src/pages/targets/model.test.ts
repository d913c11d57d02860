import { expect, it } from "vitest";
import type { ActiveTarget, TargetsData } from "../../api/types";
import { isSlow, jobsOf, matches, worth } from "./model";

const target = (over: Partial<ActiveTarget>): ActiveTarget => ({
  discoveredLabels: {},
  labels: { job: "a", instance: "h:1" },
  scrapePool: "a",
  scrapeUrl: "http://h:1/metrics",
  globalUrl: "http://h:1/metrics",
  lastError: "",
  lastScrape: "2026-03-12T14:30:00Z",
  lastScrapeDuration: 0.01,
  health: "up",
  scrapeInterval: "15s",
  scrapeTimeout: "10s",
  ...over,
});

it("puts trouble first", () => {
  const down = target({ health: "down", lastError: "connect: connection refused", scrapePool: "b" });
  const slow = target({ lastScrapeDuration: 4.1 });
  const data: TargetsData = { activeTargets: [target({}), slow, down, target({ scrapePool: "b" })], droppedTargets: [], droppedTargetCounts: { a: 0, b: 7 } };
  const jobs = jobsOf(data);
  expect(jobs.map((job) => [job.name, job.down, job.slow, job.dropped])).toEqual([
    ["b", 1, 0, 7],
    ["a", 0, 1, 0],
  ]);
  expect(jobs[0]?.targets[0]).toBe(down);
  expect(jobs[1]?.targets[0]).toBe(slow);
  expect(isSlow(slow)).toBe(true);
  expect(worth(down, "down") && worth(slow, "slow") && !worth(slow, "down")).toBe(true);
});

it("filters by address, error and label", () => {
  const one = target({ lastError: "connection refused" });
  for (const text of ["h:1", "REFUSED", 'job="a"', ""]) expect(matches(one, text)).toBe(true);
  expect(matches(one, 'job="b"')).toBe(false);
});
