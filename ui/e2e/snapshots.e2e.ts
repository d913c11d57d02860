// What each page looks like, in its states and both themes, beside pictures that are kept: `npm run snapshots` makes them.

import { rmSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { history } from "./history";
import { FAILED, comparable, machineOf, wrongWith } from "./picture";
import { startingUp } from "./starting";
import { steady } from "./steady";
import { type World, world } from "./world";

const SIZE = { width: 1440, height: 900 };
/** How often a page may change before it has to stand still. */
const LOOKS = 8;

interface Picture {
  name: string;
  path: string;
  /** Stands on the page once it has its answer. */
  text: string;
  /** What is done before. */
  prepare?: (page: Page) => Promise<unknown>;
}

const query = (expression: string, tab: string) => `query?${new URLSearchParams({ "g0.expr": expression, "g0.tab": tab, range: "1h" }).toString()}`;
const BUSY = 'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))';

async function openGoTo(page: Page): Promise<void> {
  await page.keyboard.press("Control+k");
  await page.getByRole("option", { name: "USE Method / Node dashboard" }).waitFor();
}

const PICTURES: readonly Picture[] = [
  { name: "overview", path: "?range=1h", text: "fullest" },
  { name: "explore-graph", path: query(BUSY, "graph"), text: "node-1:9100" },
  { name: "explore-table", path: query("node_filesystem_avail_bytes", "table"), text: "node-1:9100" },
  { name: "explore-raw", path: query('node_load1{instance="node-1:9100"}', "raw"), text: "samples of" },
  { name: "explore-explain", path: query(BUSY, "explain"), text: "operation" },
  { name: "explore-hints", path: query("rate(node_load1[20s])", "graph"), text: "node_load1 is a gauge" },
  { name: "explore-empty", path: query("no_such_metric", "graph"), text: "There is no metric no_such_metric" },
  { name: "explore-error", path: query("sum(up", "graph"), text: "unclosed left parenthesis" },
  { name: "explore-alerts", path: query("up", "graph"), text: "series" },
  { name: "dashboard-node", path: "dashboards?d=use-node&range=1h&var-instance=node-3:9100", text: "Utilisation" },
  { name: "dashboard-cluster", path: "dashboards?d=use-cluster&range=1h", text: "Utilisation" },
  { name: "dashboard-empty", path: "dashboards?d=pod&range=1h", text: "It comes from" },
  { name: "targets", path: "targets", text: "127.0.0.1" },
  { name: "target", path: "targets?show=down", text: "Last error", prepare: (page) => page.getByText("connection refused").first().click() },
  { name: "targets-dropped", path: "targets?show=dropped", text: "unwanted:1" },
  { name: "alerts", path: "alerts?range=1h", text: "TargetDown" },
  { name: "alert", path: "alerts?range=1h", text: "Would it have fired?", prepare: (page) => page.getByRole("table", { name: "Alerting rules" }).getByText("TargetDown").click() },
  { name: "rules-recording", path: "alerts?kind=recording", text: "job:up:sum" },
  { name: "cardinality", path: "cardinality", text: "node_load1" },
  { name: "queries", path: "queries", text: "Last 24 hours" },
  { name: "status", path: "status", text: "Server" },
  { name: "storage", path: "status?tab=storage", text: "No damage was found" },
  { name: "config", path: "config", text: "scrape_configs" },
  { name: "goto", path: "queries", text: "Overview", prepare: openGoTo },
  { name: "keys", path: "queries", text: "fold the rail", prepare: (page) => page.keyboard.press("?") },
];

let it_: World;
let strict: boolean;
beforeAll(async () => {
  rmSync(FAILED, { recursive: true, force: true });
  // The target answers from this process, which is busy with pictures at times: no scrape may fail for that.
  it_ = await world({ history, viewport: SIZE, interval: "10s" });
  await steady(it_.page, it_.names);
  await it_.page.goto(`${it_.url}/flags`);
  await it_.page.getByText("--storage.tsdb.path").waitFor();
  strict = comparable(await machineOf(it_.page));
});
afterAll(() => it_.close());

/** The picture, once two in a row are the same. */
async function still(page: Page): Promise<Buffer> {
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
  await page.evaluate(() => document.fonts.ready);
  // Charts draw their type with what is there: once more, now that it is.
  await page.setViewportSize({ ...SIZE, width: SIZE.width - 1 });
  await page.setViewportSize(SIZE);
  let before: Buffer | undefined;
  for (let i = 0; i < LOOKS; i += 1) {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const picture = await page.screenshot({ animations: "disabled", caret: "hide" });
    if (before?.equals(picture)) return picture;
    before = picture;
    await page.waitForTimeout(250);
  }
  throw new Error("the page does not stand still");
}

describe.each(["light", "dark"])("in the %s theme", (theme) => {
  it.each(PICTURES)("$name looks as it did", async ({ name, path, text, prepare }) => {
    const { page } = it_;
    await page.mouse.move(0, 0);
    await page.goto(`${it_.url}/${path}${path.includes("?") ? "&" : "?"}theme=${theme}`);
    await page.locator("h1").waitFor();
    await prepare?.(page);
    await page.getByText(text).first().waitFor();
    expect(wrongWith(`${name}-${theme}`, await still(page), strict)).toBeUndefined();
  });

  it("a page looks as it did while the server starts, and while nobody answers", async () => {
    const { page } = it_;
    const api = /\/api\/v1\/rules|\/-\/ready|\/status\/walreplay/;
    await page.route(api, startingUp);
    try {
      await page.goto(`${it_.url}/alerts?range=1h&theme=${theme}`);
      await page.getByText("The server is starting").waitFor();
      await page.getByText("segment 2 of 5").waitFor();
      const starting = wrongWith(`starting-${theme}`, await still(page), strict);
      await page.unroute(api);
      await page.goto(`${it_.url}/alerts?range=1h&theme=${theme}`);
      await page.getByText("TargetDown").first().waitFor();
      await page.route(/\/api\/v1\//, (route) => route.abort());
      await page.getByRole("button", { name: "Refresh" }).click();
      await page.getByText("The server does not answer").first().waitFor();
      await page.mouse.move(0, 0);
      const offline = wrongWith(`offline-${theme}`, await still(page), strict);
      expect([starting, offline]).toEqual([undefined, undefined]);
    } finally {
      await page.unroute(/\/api\/v1\//);
      await page.unroute(api);
    }
  });
});
