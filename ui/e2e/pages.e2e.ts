// Every page of the real server in a real browser: it draws, nobody is shut out, nothing is injected.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { axe } from "./axe";
import { type World, world } from "./world";

/** Path, and a text that stands on the page once it has its answer. */
const PAGES: readonly [string, string][] = [
  ["", "Needs attention"],
  ["query?g0.expr=node_load1&g0.tab=graph&range=5m", "series"],
  ["query?g0.expr=up&g0.tab=table", "127.0.0.1"],
  ["query?g0.expr=hostile&g0.tab=table", "onerror=window.attacked"],
  ["query?g0.expr=hostile or up&g0.tab=graph&range=5m", "onerror=window.attacked"],
  ["query?g0.expr=node_load1&g0.tab=raw&range=5m", "samples of"],
  ["query?g0.expr=sum(rate(node_cpu_seconds_total[1m]))&g0.tab=explain", "operation"],
  ["dashboards", "Dashboard"],
  ["targets", "127.0.0.1"],
  ["alerts", "TargetDown"],
  ["alerts?kind=recording", "job:up:sum"],
  ["cardinality", "node_load1"],
  ["queries", "Last 24 hours"],
  ["status", "Server"],
  ["status?tab=storage", "No damage was found"],
  ["config", "scrape_configs"],
  ["flags", "--storage.tsdb.path"],
  ["status?tab=features", "delayed_name_removal"],
];

let it_: World;
beforeAll(async () => {
  it_ = await world();
});
afterAll(() => it_.close());

describe.each(["light", "dark"])("in the %s theme", (theme) => {
  it.each(PAGES)("/%s draws, without errors, for everybody", async (path, text) => {
    it_.errors.length = 0;
    const joint = path.includes("?") ? "&" : "?";
    await it_.page.goto(`${it_.url}/${path}${joint}theme=${theme}`);
    await it_.page.getByText(text).first().waitFor({ timeout: 20_000 });
    await it_.page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
    expect(await axe(it_.page)).toEqual([]);
    expect(it_.errors).toEqual([]);
    expect(await it_.attacked()).toBe(false);
  });
});

it("goes from page to page by keys alone", async () => {
  await it_.page.goto(`${it_.url}/`);
  await it_.page.getByText("Needs attention").first().waitFor();
  for (const [key, title] of [["e", "Explore"], ["t", "Targets"], ["a", "Alerts"], ["c", "Cardinality"], ["q", "Queries"], ["s", "Status"], ["o", "Overview"]] as const) {
    await it_.page.keyboard.press("g");
    await it_.page.keyboard.press(key);
    await it_.page.getByRole("heading", { name: title, level: 1 }).waitFor();
  }
  await it_.page.keyboard.press("Control+k");
  await it_.page.keyboard.type("node_load1");
  await it_.page.getByRole("option", { name: "node_load1 metric" }).waitFor();
  await it_.page.keyboard.press("Enter");
  await it_.page.waitForURL(/query\?g0\.expr=node_load1/);
  await it_.page.getByText("series").first().waitFor();
});

it.each([
  ["USE Method / Cluster", "dashboard", /dashboards\?d=use-cluster/],
  ["TargetDown", "alert", /alerts\?filter=TargetDown/],
  ["127.0.0.1", "target", /targets\?filter=127/],
])("finds %s, a %s, by its letters", async (letters, kind, address) => {
  await it_.page.goto(`${it_.url}/`);
  await it_.page.getByText("Needs attention").first().waitFor();
  await it_.page.keyboard.press("Control+k");
  await it_.page.keyboard.type(letters);
  await it_.page.getByRole("option", { name: new RegExp(`^${letters}.* ${kind}$`) }).first().click();
  await it_.page.waitForURL(address);
});

it("runs what is written in the editor", async () => {
  await it_.page.goto(`${it_.url}/query`);
  await it_.page.getByRole("textbox", { name: "Query A" }).fill("count(up)");
  await it_.page.getByRole("textbox", { name: "Query A" }).press("Control+Enter");
  await it_.page.waitForURL(/g0\.expr=count/);
  await it_.page.getByRole("tab", { name: "Table" }).click();
  await it_.page.getByRole("cell", { name: "2", exact: true }).waitFor();
});

it("hints at what a query hardly means, and mends it with one click", async () => {
  await it_.page.goto(`${it_.url}/query?g0.expr=rate(node_load1[5m])&range=5m`);
  const hints = it_.page.getByRole("list", { name: "Hints" });
  await hints.getByText("node_load1 is a gauge").waitFor();
  expect(await axe(it_.page)).toEqual([]);
  await hints.getByRole("button", { name: "Use deriv" }).click();
  await it_.page.waitForURL((url) => url.searchParams.get("g0.expr") === "deriv(node_load1[5m])");
  await hints.waitFor({ state: "detached" });
});

it("tells where a query is wrong", async () => {
  await it_.page.goto(`${it_.url}/query?g0.expr=sum(up&g0.tab=table`);
  const alert = it_.page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toContain("unclosed left parenthesis");
});

it("says why an answer is empty", async () => {
  await it_.page.goto(`${it_.url}/query?g0.expr=no_such_metric&g0.tab=table`);
  await it_.page.getByText("There is no metric no_such_metric").waitFor();
});

it("shows what a target that is down told", async () => {
  await it_.page.goto(`${it_.url}/targets?show=down`);
  await it_.page.getByText("connection refused").first().click();
  await it_.page.getByText("Last error").waitFor();
  await it_.page.getByText("__address__").first().waitFor();
});

it("lists the flags that somebody changed first, with their default", async () => {
  await it_.page.goto(`${it_.url}/flags`);
  const rows = it_.page.getByRole("table", { name: "Flags" }).locator("tbody tr");
  await rows.first().waitFor();
  const texts = await rows.allTextContents();
  const changed = texts.findIndex((text) => text.startsWith("--storage.tsdb.retention.time"));
  const usual = texts.findIndex((text) => text.startsWith("--query.lookback-delta"));
  expect(changed).toBeGreaterThanOrEqual(0);
  expect(usual).toBeGreaterThan(changed);
  expect(await rows.nth(0).locator("td").nth(2).textContent()).not.toBe("");
  expect(await rows.nth(usual).locator("td").nth(2).textContent()).toBe("");
});
