// Answers of the server without what differs from run to run: its clock, ports, directories, speed.

import type { Page, Route } from "playwright-core";
import type { ActiveQueriesData, TopQuery } from "../src/api/types";
import { END_MS } from "./history";

/** The server's present is told as this long before the browser's, ms. */
const AGO = 7000;
const DAY = 86_400_000;

/** Figures that depend on the machine, by the key that they stand under. */
const FIGURES: Readonly<Record<string, unknown>> = {
  lastScrapeDuration: 0.012,
  evaluationTime: 0.0021,
  seconds: 0.0042,
  bytes: 4096,
  size: 65_536,
  chunkCount: 120,
  numSeries: 118,
  numLabelPairs: 96,
  evalTotalTime: 0.0042,
  resultSortTime: 0,
  queryPreparationTime: 0.0004,
  innerEvalTime: 0.0038,
  execQueueTime: 0.0001,
  execTotalTime: 0.0044,
  CWD: "/srv/narthex",
  hostname: "host-1",
  GOMAXPROCS: 2,
  goroutineCount: 12,
  revision: "narthex-0.0.0",
  goVersion: "rustc-1.0.0",
  memory: 1_000_000,
};

const ACTIVE: ActiveQueriesData = {
  queries: [
    {
      id: "7",
      query: 'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))',
      kind: "range",
      state: "running",
      started: new Date(END_MS - 42_000).toISOString(),
      age: 42,
      start: END_MS / 1000 - 86_400,
      end: END_MS / 1000,
      step: 60,
      samples: 12_400_000,
      bytes: 48_000_000,
      peakBytes: 52_000_000,
      client: "127.0.0.1",
      userAgent: "curl/8.0",
    },
  ],
  maxConcurrency: 20,
  memory: { used: 48_000_000, limit: null },
};

const TOP: TopQuery[] = [
  ['sum by (instance) (rate(node_cpu_seconds_total{mode!=""}[_]))', "ui", 1204, 0, 31.2, 0.021, 0.31, 8_400_000],
  ["job:up:sum", "rule", 5760, 0, 4.1, 0.0006, 0.004, 61_000],
  ['topk(_, rate(node_disk_io_time_seconds_total{device=~""}[_]))', "api", 88, 3, 2.7, 0.024, 0.19, 940_000],
].map(([query, source, calls, failed, seconds, p50, p99, samples]) => ({ query, example: query, source, calls, failed, seconds, p50, p99, samples, peakBytes: 1_500_000 }) as TopQuery);

/** Whole answers of what only a busy server has. */
const WHOLE: readonly [string, unknown][] = [
  ["/narthex/queries/active", ACTIVE],
  ["/narthex/queries/top", { queries: TOP }],
];

export type Names = readonly (readonly [string, string])[];

function timeless(value: number): number {
  for (const unit of [1, 1000]) {
    if (Math.abs(value * unit - Date.now()) < DAY) return (END_MS - AGO) / unit;
  }
  return value;
}

/** The value with everything in it that varies replaced. */
function walk(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(walk);
  if (typeof value === "number") return timeless(value);
  if (typeof value === "string") {
    const recent = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value) && Math.abs(Date.parse(value) - Date.now()) < DAY;
    return recent ? new Date(END_MS - AGO).toISOString() : value;
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key in FIGURES && (typeof inner === "number" || typeof inner === "string") ? FIGURES[key] : walk(inner)]),
  );
}

/** Ports and directories by their names. */
function rename(text: string, names: Names): string {
  const named = names.reduce((all, [is, name]) => all.replaceAll(is, name), text);
  let blocks = 0;
  return named.replace(/\b01[0-9A-HJKMNP-TV-Z]{24}\b/g, () => `01J00000000000000000000${String((blocks += 1)).padStart(3, "0")}`);
}

/** And back, for what the page asks, in an address or a form, or in JSON. */
function unname(text: string, names: Names): string {
  return names.reduce((all, [is, name]) => all.replaceAll(encodeURIComponent(name), encodeURIComponent(is)).replaceAll(name, is), text);
}

/** Stands between page and server. */
export async function steady(page: Page, names: Names): Promise<void> {
  await page.clock.setFixedTime(END_MS);
  await page.route("**/api/v1/**", async (route: Route) => {
    const request = route.request();
    const whole = WHOLE.find(([path]) => request.url().includes(path));
    if (whole) return route.fulfill({ json: { status: "success", data: whole[1] } });
    const body = request.postData();
    const instant = new URL(request.url()).pathname.endsWith("/query") && body !== null && !/(^|&)time=/.test(body);
    const asked = body === null ? {} : { postData: `${unname(body, names)}${instant ? `&time=${END_MS / 1000}` : ""}` };
    const response = await route.fetch({ url: unname(request.url(), names), ...asked });
    const text = rename(await response.text(), names);
    // A batch is answered line by line, in any order.
    const lines = text.split("\n").map((line) => (line.startsWith("{") ? JSON.stringify(walk(JSON.parse(line))) : line));
    const answer = lines.join("\n");
    return route.fulfill({ status: response.status(), contentType: response.headers()["content-type"] ?? "application/json", body: answer });
  });
  // The page's own typeface alone, and not before it is there: machines have other ones.
  await page.route("**/assets/*.css", async (route) => {
    const response = await route.fetch();
    const text = (await response.text()).replaceAll("font-display:optional", "font-display:block");
    await route.fulfill({ status: 200, contentType: "text/css", body: `${text}\n:root,[data-theme="dark"]{--mono:"Inter Variable"}` });
  });
}
