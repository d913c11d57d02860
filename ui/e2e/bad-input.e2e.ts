// What nobody wishes for: too much, wrong, hostile, or nobody there. The page stays usable and says what happened.

import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { axe } from "./axe";
import { startingUp } from "./starting";
import { type World, many, world } from "./world";

// Large answers take a while beside others.
vi.setConfig({ testTimeout: 240_000 });

let it_: World;
beforeAll(async () => {
  it_ = await world({ extra: many(10_000) });
  it_.page.setDefaultTimeout(120_000);
});
afterAll(() => it_.close());

it("draws the first thousand of ten thousand series, says so, and goes on", async () => {
  it_.errors.length = 0;
  await it_.page.goto(`${it_.url}/query?g0.expr=many&g0.tab=graph&range=5m&step=10s`);
  await it_.page.getByText(/^1\s?000 of 10\s?000 series drawn$/).waitFor();
  const legend = it_.page.getByRole("table", { name: "Series" });
  expect(await legend.getAttribute("aria-rowcount")).toBe("10000");
  // Only what is in view has rows.
  expect(await legend.locator("tr[data-row]").count()).toBeLessThan(300);
  // All of them can be reached.
  await it_.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await legend.locator('tr[aria-rowindex="10000"]').waitFor();
  await it_.page.evaluate(() => scrollTo(0, 0));
  // One alone, then another beside it.
  await legend.locator("tr[data-row]").nth(1).click();
  await legend.locator("tr[data-row]").nth(3).click({ modifiers: ["ControlOrMeta"] });
  expect(await legend.locator("tr.selected").count()).toBe(2);
  await it_.page.getByRole("tab", { name: "Table" }).click();
  const result = it_.page.getByRole("table", { name: "Result" });
  await result.getByRole("button", { name: "value" }).click();
  await result.getByRole("cell", { name: "9999", exact: true }).first().waitFor();
  expect(await result.locator("tr[data-row]").count()).toBeLessThan(300);
  await it_.page.keyboard.press("g");
  await it_.page.keyboard.press("t");
  await it_.page.getByRole("heading", { name: "Targets", level: 1 }).waitFor();
  expect(it_.errors).toEqual([]);
});

it.each([
  ["sum(up", "1:7", "p"],
  ["up ==", "1:6", "="],
  ["up +\nrate(up)", "2:6", "up"],
  ["frobnicate(up)", "1:1", "frobnicate"],
])("underlines where %j is wrong", async (query, position, text) => {
  for (const tab of ["table", "graph"]) {
    await it_.page.goto(`${it_.url}/query?${new URLSearchParams({ "g0.expr": query, "g0.tab": tab }).toString()}`);
    const alert = it_.page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.locator("pre").textContent()).toContain(position);
    expect(await alert.locator("u").textContent()).toBe(text);
  }
});

it("shows what is hostile as text, in legends, tips and details", async () => {
  await it_.page.goto(`${it_.url}/query?g0.expr=hostile or up&g0.tab=graph&range=5m`);
  await it_.page.getByRole("table", { name: "Series" }).getByText("onerror=window.attacked").first().waitFor();
  const plot = await it_.page.locator(".graph .u-over").boundingBox();
  if (plot === null) throw new Error("no plot");
  await it_.page.mouse.move(plot.x + plot.width - 3, plot.y + plot.height / 2);
  await it_.page.locator(".tip").getByText("onerror=window.attacked").first().waitFor();
  expect(await it_.attacked()).toBe(false);
  await it_.page.goto(`${it_.url}/targets`);
  await it_.page.getByRole("table", { name: "Targets of node" }).getByText("127.0.0.1").first().click();
  await it_.page.getByRole("table", { name: "Labels" }).getByText("onerror=window.attacked").first().waitFor();
  expect(await it_.attacked()).toBe(false);
  await it_.page.goto(`${it_.url}/alerts?range=5m`);
  await it_.page.getByRole("table", { name: "Alerting rules" }).getByText("Waits").click();
  await it_.page.locator(".rule-detail").getByText("onerror=window.attacked").first().waitFor();
  expect(await it_.attacked()).toBe(false);
});

it("lists twenty thousand targets of an answer of 30 MB", async () => {
  const target = (n: number) => ({
    discoveredLabels: { __address__: `host-${n}:9100`, __meta_filler: "x".repeat(1200) },
    labels: { job: "large", instance: `host-${n}:9100` },
    scrapePool: "large",
    scrapeUrl: `http://host-${n}:9100/metrics`,
    globalUrl: `http://host-${n}:9100/metrics`,
    lastError: n === 19_999 ? "the last one is down" : "",
    lastScrape: new Date().toISOString(),
    lastScrapeDuration: 0.01,
    health: n === 19_999 ? "down" : "up",
    scrapeInterval: "15s",
    scrapeTimeout: "10s",
  });
  const body = JSON.stringify({ status: "success", data: { activeTargets: Array.from({ length: 20_000 }, (_, n) => target(n)), droppedTargets: [], droppedTargetCounts: {} } });
  expect(body.length).toBeGreaterThan(30e6);
  await it_.page.route("**/api/v1/targets", (route) => route.fulfill({ contentType: "application/json", body }));
  try {
    await it_.page.goto(`${it_.url}/targets`);
    const table = it_.page.getByRole("table", { name: "Targets of large" });
    // The one with trouble stands first.
    await table.getByText("the last one is down").waitFor();
    expect(await table.locator("tr[data-row]").count()).toBeLessThan(300);
    await it_.page.getByRole("textbox", { name: "Filter targets" }).fill("host-777:");
    await table.getByText("host-777:9100").waitFor();
  } finally {
    await it_.page.unroute("**/api/v1/targets");
  }
});

it.each([
  ["a day ahead", 86_400, "1 d ahead of"],
  ["an hour behind", -3600, "1 h behind"],
])("goes by the server's clock when the browser's jumps %s, and says so", async (_, jump, words) => {
  const context = await it_.page.context().browser()?.newContext();
  if (!context) throw new Error("no browser");
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    await page.clock.install();
    await page.goto(`${it_.url}/query?g0.expr=node_load1&g0.tab=graph&range=5m`);
    const series = page.getByRole("table", { name: "Series" });
    await series.waitFor();
    const told = page.getByText(`This browser’s clock is ${words} the server’s`);
    expect(await told.count()).toBe(0);
    await page.clock.setSystemTime(Date.now() + jump * 1000);
    await page.getByRole("button", { name: "Refresh" }).click();
    await told.waitFor();
    await series.waitFor();
    // And from the first page on, where the clock was never right.
    for (const [path, text] of [["targets", "127.0.0.1"], ["alerts?range=5m", "TargetDown"], ["query?g0.expr=node_load1&g0.tab=table", "127.0.0.1"]] as const) {
      await page.goto(`${it_.url}/${path}`);
      await page.clock.setSystemTime(Date.now() + jump * 1000);
      await told.waitFor();
      await page.getByText(text).first().waitFor();
    }
    expect(await axe(page)).toEqual([]);
    await page.clock.setSystemTime(Date.now());
    await page.getByRole("button", { name: "Refresh" }).click();
    await told.waitFor({ state: "detached" });
  } finally {
    await context.close();
  }
});

it("shows how far a start is with the log, and asks again by itself once it is over", async () => {
  const { page } = it_;
  const everything = /\/api\/v1\/|\/-\/ready/;
  await page.route(everything, startingUp);
  try {
    await page.goto(`${it_.url}/flags`);
    await page.getByText("300 MiB of 1.17 GiB, segment 2 of 5").waitFor();
    expect(await page.getByRole("progressbar", { name: "Log read" }).getAttribute("value")).toBe("0.25");
    expect(await axe(page)).toEqual([]);
  } finally {
    await page.unroute(everything);
  }
  await page.getByText("--storage.tsdb.path").waitFor();
  expect(await page.getByText("The server is starting").count()).toBe(0);
});

it("keeps the last picture while the server is gone, and looks anew when it is back", async () => {
  await it_.page.goto(`${it_.url}/query?g0.expr=up&g0.tab=table`);
  const result = it_.page.getByRole("table", { name: "Result" });
  await result.getByText("127.0.0.1").first().waitFor();
  await it_.page.getByRole("textbox", { name: "Query A" }).fill("count(up)");
  await it_.crash();
  await it_.page.getByRole("button", { name: "Refresh" }).click();
  await it_.page.getByText("The server does not answer").first().waitFor();
  expect(await result.getByText("127.0.0.1").first().isVisible()).toBe(true);
  expect(await it_.page.getByRole("textbox", { name: "Query A" }).textContent()).toBe("count(up)");
  await it_.start();
  await it_.page.getByRole("button", { name: "Run" }).click();
  await result.getByRole("cell", { name: "2", exact: true }).waitFor();
  await it_.page.getByText("The server does not answer").first().waitFor({ state: "detached" });
});
