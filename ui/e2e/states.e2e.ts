// Each page in each state: while it waits, without content, refused, warned, before the server is ready, without it.

import type { Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { axe } from "./axe";
import { startingUp } from "./starting";
import { type World, world } from "./world";

/** What the server answers to a page without content: by the end of the path, `data`. */
type Nothing = Record<string, unknown>;

interface Case {
  name: string;
  path: string;
  /** Stands on the page once it has its answer. */
  text: string | RegExp;
  /** What the page says when there is nothing, and what it offers; or why it is never empty. */
  empty: { says: string | RegExp; offers?: string | RegExp; nothing: Nothing } | string;
  /** Why the page has no question of its own that could be refused, warned of or waited for. */
  asksNothing?: string;
  /** What it shows does not change while a server runs: it is asked once. */
  once?: boolean;
}

const NO_VECTOR = { resultType: "vector", result: [] };
const NO_MATRIX = { resultType: "matrix", result: [] };
const NO_SAMPLES: Nothing = { "/query": NO_VECTOR, "/query_range": NO_MATRIX, "/samples": [], "/query_exemplars": [] };
const ABSENT = { says: "There is no metric node_load1", nothing: NO_SAMPLES };

const CASES: readonly Case[] = [
  {
    name: "Overview",
    path: "?range=5m",
    text: "Targets down",
    empty: { says: "All that is looked at is in order.", offers: "How these are found", nothing: { ...NO_SAMPLES, "/batch": NO_VECTOR } },
  },
  { name: "Explore, graph", path: "query?g0.expr=node_load1&g0.tab=graph&range=5m", text: "samples read", empty: ABSENT },
  { name: "Explore, table", path: "query?g0.expr=node_load1&g0.tab=table", text: /^1 at /, empty: ABSENT },
  { name: "Explore, raw samples", path: "query?g0.expr=node_load1&g0.tab=raw&range=5m", text: "samples of", empty: ABSENT },
  { name: "Explore, explain", path: "query?g0.expr=sum(up)&g0.tab=explain", text: "operation", empty: "every query has a plan, be it of no series" },
  {
    name: "Dashboards, list",
    path: "dashboards",
    text: "Kubernetes",
    empty: "those that are built in are always there",
    asksNothing: "the list is part of the page",
  },
  {
    name: "Dashboards, one",
    path: "dashboards?d=use-node&range=5m",
    text: "Utilisation",
    empty: { says: /^It comes from .*exporter/, nothing: { ...NO_SAMPLES, "/values": [], "/series": [] } },
  },
  {
    name: "Targets",
    path: "targets",
    text: "127.0.0.1",
    empty: { says: "Nothing is scraped", nothing: { "/targets": { activeTargets: [], droppedTargets: [], droppedTargetCounts: {} } } },
  },
  { name: "Alerts", path: "alerts?range=5m", text: "TargetDown", empty: { says: "No rules", nothing: { "/rules": { groups: [] } } } },
  {
    name: "Alerts, recording rules alone",
    path: "alerts?kind=recording",
    text: "job:up:sum",
    empty: {
      says: "No recording rules",
      offers: "Show alerting rules",
      nothing: { "/rules": { groups: [{ name: "g", file: "f", interval: 1, rules: [{ type: "alerting", name: "A", query: "up", health: "ok", evaluationTime: 0, lastEvaluation: "2026-03-12T13:00:00Z" }] }] } },
    },
  },
  {
    name: "Cardinality",
    path: "cardinality?match=up",
    text: "active series",
    empty: {
      says: "No series matches that",
      offers: "Count all series",
      nothing: { "/cardinality": { total: 0, compared: null, names: 0, rows: [], exact: true, seconds: 0 } },
    },
  },
  {
    name: "Queries",
    path: "queries",
    text: "Last 24 hours",
    empty: { says: "No query is running", nothing: { "/active": { queries: [], maxConcurrency: 20, memory: { used: 0, limit: null } }, "/top": { queries: [] } } },
  },
  { name: "Status, health", path: "status", text: "Running for", empty: "a server that answers has a version and a start" },
  {
    name: "Status, storage",
    path: "status?tab=storage",
    text: "Newest sample",
    empty: { says: "No blocks yet", nothing: { "/blocks": { blocks: [] }, "/damage": { files: [] } } },
  },
  { name: "Status, configuration", path: "config", text: "scrape_configs", empty: "a server has a configuration, be it its own" },
  { name: "Status, flags", path: "flags", text: "--storage.tsdb.path", empty: "flags have defaults", once: true },
  { name: "Status, features", path: "status?tab=features", text: "delayed_name_removal", empty: "they are named whether on or off", once: true },
];

const ASKING = CASES.filter((one) => one.asksNothing === undefined);
/** All that a page asks of the server's API. */
const API = /\/api\/v1\/|\/-\/ready/;

let it_: World;
beforeAll(async () => {
  it_ = await world();
});
afterAll(() => it_.close());

const addressOf = (path: string, theme: string) => `${it_.url}/${path}${path.includes("?") ? "&" : "?"}theme=${theme}`;

/** Has the server's answers changed while something is done. */
async function meanwhile(answer: (route: Route) => Promise<unknown>, act: (page: Page) => Promise<void>): Promise<void> {
  const { page } = it_;
  const handler = (route: Route) => answer(route).then(
    () => undefined,
    // The page may have gone on to other things.
    () => undefined,
  );
  await page.route(API, handler);
  try {
    await act(page);
  } finally {
    await page.unroute(API, handler);
  }
}

/** The page as it stands is usable by everybody. */
async function fit(page: Page): Promise<void> {
  expect(await axe(page)).toEqual([]);
  expect(await it_.attacked()).toBe(false);
}

async function main(page: Page, text: string | RegExp): Promise<void> {
  await page.locator("main").getByText(text).first().waitFor();
}

async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null);
}

/** The envelope of each line of the real answer with other data or remarks. */
async function changed(route: Route, change: (envelope: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const response = await route.fetch();
  const text = await response.text();
  const each = (line: string) => (line.startsWith("{") ? JSON.stringify(change(JSON.parse(line) as Record<string, unknown>)) : line);
  await route.fulfill({ response, body: text.split("\n").map(each).join("\n") });
}

describe.each(["light", "dark"])("in the %s theme", (theme) => {
  it.each(ASKING)("$name waits with a bar and a way out, and keeps what it has", async ({ path, text, once }) => {
    const held: Route[] = [];
    const { page } = it_;
    if (!once) {
      await page.goto(addressOf(path, theme));
      await main(page, text);
      await settled(page);
      // A window up to now moves on with the second.
      await page.waitForTimeout(1000);
    }
    await meanwhile((route) => Promise.resolve(held.push(route)), async () => {
      if (once) await page.goto(addressOf(path, theme));
      else await page.getByRole("button", { name: "Refresh" }).click();
      await page.locator("main .progress").first().waitFor();
      const cancel = page.locator("main").getByRole("button", { name: "Cancel" }).first();
      await cancel.waitFor();
      if (!once) {
        await main(page, text);
        await page.locator("main .dim").first().waitFor();
      }
      await fit(page);
      await cancel.click();
      await main(page, "Given up; the server stops too.");
    });
    await Promise.all(held.map((route) => route.abort().catch(() => undefined)));
  });

  it.each(ASKING)("$name tells the server's own words when it refuses", async ({ path }) => {
    const refused = { status: "error", errorType: "execution", error: "the server's own <b>words</b>" };
    await meanwhile((route) => route.fulfill({ status: 422, json: refused }), async (page) => {
      await page.goto(addressOf(path, theme));
      await page.locator("main").getByRole("alert").getByText(refused.error).first().waitFor();
      await fit(page);
    });
  });

  it.each(ASKING)("$name shows warnings beside the data", async ({ path, text }) => {
    const warn = (route: Route) => changed(route, (envelope) => ({ ...envelope, warnings: ["half of a block is damaged"] }));
    await meanwhile(warn, async (page) => {
      await page.goto(addressOf(path, theme));
      await main(page, text);
      await page.locator("main .remarks").getByText("half of a block is damaged").first().waitFor();
      await fit(page);
    });
  });

  it.each(ASKING)("$name waits for a server that starts, and goes on by itself", async ({ path, text }) => {
    await meanwhile(startingUp, async (page) => {
      await page.goto(addressOf(path, theme));
      await main(page, "The server is starting");
      await main(page, "segment 2 of 5");
      await fit(page);
    });
    await main(it_.page, text);
    await it_.page.locator("main").getByText("The server is starting").first().waitFor({ state: "detached" });
  });

  it.each(CASES)("$name keeps its picture while nobody answers, and goes on by itself", async ({ path, text, asksNothing }) => {
    const { page } = it_;
    await page.goto(addressOf(path, theme));
    await main(page, text);
    await settled(page);
    await meanwhile((route) => route.abort(), async () => {
      await page.getByRole("button", { name: "Refresh" }).click();
      await page.locator("main").getByRole("alert").getByText("The server does not answer").first().waitFor();
      await main(page, text);
      if (asksNothing === undefined) await page.locator("main .dim").first().waitFor();
      await fit(page);
    });
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByText("The server does not answer").first().waitFor({ state: "detached" });
    await main(page, text);
  });

  it.each(CASES.filter((one) => typeof one.empty !== "string"))("$name says why there is nothing, and what helps", async ({ path, empty }) => {
    if (typeof empty === "string") return;
    const { says, offers, nothing } = empty;
    const without = (route: Route) => {
      const asked = new URL(route.request().url()).pathname;
      const found = Object.entries(nothing).find(([end]) => asked.endsWith(end));
      return found === undefined ? route.continue() : changed(route, (envelope) => (envelope["status"] === "success" ? { ...envelope, data: found[1] } : envelope));
    };
    await meanwhile(without, async (page) => {
      await page.goto(addressOf(path, theme));
      await main(page, says);
      if (offers !== undefined) await page.locator("main").getByRole("button", { name: offers }).waitFor();
      await fit(page);
    });
  });
});

it("has a reason for each state that a page does not have", () => {
  for (const { empty, asksNothing } of CASES) {
    if (typeof empty === "string") expect(empty.length).toBeGreaterThan(10);
    if (asksNothing !== undefined) expect(asksNothing.length).toBeGreaterThan(10);
  }
});
