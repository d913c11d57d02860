// What opens below a row or a graph: exemplars, relabelling, the past of alerts, backtests.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { axe } from "./axe";
import { type World, world } from "./world";

let it_: World;
beforeAll(async () => {
  it_ = await world();
});
afterAll(() => it_.close());

describe.each(["light", "dark"])("in the %s theme", (theme) => {
  it("shows exemplars on the graph, and what a click on one finds", async () => {
    const end = Math.floor(Date.now() / 1000);
    const exemplar = (timestamp: number, trace: string) => ({ labels: { trace_id: trace }, value: "0.25", timestamp });
    const data = [{ seriesLabels: { __name__: "seconds_bucket", le: "1" }, exemplars: [exemplar(end - 150, "<b>first</b>"), exemplar(end - 60, "second")] }];
    await it_.page.route("**/api/v1/query_exemplars", (route) => route.fulfill({ json: { status: "success", data } }));
    try {
      await it_.page.goto(`${it_.url}/query?g0.expr=vector(1)&g0.tab=graph&range=5m&end=${end}&theme=${theme}`);
      await it_.page.getByText("2 exemplars").waitFor();
      const plot = await it_.page.locator(".graph .u-over").boundingBox();
      if (plot === null) throw new Error("no plot");
      // Halfway through the window, at the foot.
      await it_.page.mouse.click(plot.x + plot.width / 2, plot.y + plot.height - 6);
      const chosen = it_.page.getByRole("region", { name: "Chosen exemplar" });
      await chosen.getByText("<b>first</b>").waitFor();
      await it_.page.getByRole("table", { name: "Exemplars" }).getByText("trace_id=second").click();
      await chosen.getByText("second", { exact: true }).waitFor();
      expect(await axe(it_.page)).toEqual([]);
      await chosen.getByRole("button", { name: "Close the exemplar" }).click();
      await chosen.waitFor({ state: "detached" });
    } finally {
      await it_.page.unroute("**/api/v1/query_exemplars");
    }
  });

  it("shows what each relabelling rule makes of a target", async () => {
    await it_.page.goto(`${it_.url}/targets?theme=${theme}`);
    await it_.page.getByRole("table", { name: "Targets of node" }).getByText("127.0.0.1").first().click();
    const steps = it_.page.getByRole("list", { name: "Relabelling, rule by rule" });
    await steps.waitFor();
    expect(await steps.getByRole("listitem").allTextContents()).toEqual([
      expect.stringMatching(/target_label: env, replacement: test.*env: {2}test$/),
      expect.stringMatching(/action: drop.*changes nothing$/),
    ]);
    expect(await axe(it_.page)).toEqual([]);
  });

  it("tries a target, and tells what it answers", async () => {
    await it_.page.goto(`${it_.url}/targets?theme=${theme}`);
    await it_.page.getByRole("table", { name: "Targets of node" }).getByText("127.0.0.1").first().click();
    const part = it_.page.getByRole("region", { name: "Try it" });
    await part.getByText(/^curl -sS -m 1 'http:\/\/127\.0\.0\.1:\d+\/metrics'$/).waitFor();
    await part.getByRole("button", { name: "Try now" }).click();
    const told = part.getByRole("status");
    await told.getByText("connection refused").waitFor();
    expect(await told.textContent()).toContain("No answer");
    expect(await axe(it_.page)).toEqual([]);
    await it_.page.goto(`${it_.url}/targets?filter=9101&theme=${theme}`);
    await it_.page.getByRole("button", { name: "Show all" }).click();
    await it_.page.getByRole("table", { name: "Targets of node" }).locator("tr[data-row]").nth(1).click();
    await part.getByRole("button", { name: "Try now" }).click();
    await told.getByText("node_load1 0.5").waitFor();
    expect(await told.textContent()).toMatch(/Status 200 after .*, \d+ samples/);
    expect(await axe(it_.page)).toEqual([]);
    expect(await it_.attacked()).toBe(false);
  });

  it("names the rule that dropped a target", async () => {
    await it_.page.goto(`${it_.url}/targets?show=dropped&theme=${theme}`);
    await it_.page.getByRole("cell", { name: "unwanted:1" }).click();
    const steps = it_.page.getByRole("list", { name: "Relabelling, rule by rule" });
    await steps.getByText("drops the target").waitFor();
    expect(await steps.getByRole("listitem").last().textContent()).toContain('regex: "unwanted:.*"');
    expect(await axe(it_.page)).toEqual([]);
  });

  it("tells when an alert fired, and whether another rule would have", async () => {
    await it_.page.goto(`${it_.url}/alerts?range=5m&theme=${theme}`);
    await it_.page.getByRole("table", { name: "Alerting rules" }).getByText("TargetDown").click();
    const past = it_.page.getByRole("table", { name: "Alerts in this window" });
    await past.getByText(/instance=127.0.0.1/).waitFor();
    await past.getByRole("img", { name: /^firing \d\d:\d\d to/ }).waitFor();
    const backtest = it_.page.getByRole("region", { name: "Would it have fired?" });
    await backtest.getByRole("button", { name: "Try it" }).click();
    await backtest.getByText(/would have fired once/).waitFor();
    await backtest.getByRole("textbox", { name: "Expression to try" }).fill("up == 2");
    await backtest.getByRole("button", { name: "Try it" }).click();
    await backtest.getByText("With your change").waitFor();
    await backtest.getByText("would not have fired").waitFor();
    expect(await axe(it_.page)).toEqual([]);
    await backtest.getByRole("textbox", { name: "Expression to try" }).fill("sum(up");
    await backtest.getByRole("button", { name: "Try it" }).click();
    await backtest.getByText("unclosed left parenthesis").waitFor();
  });
});

it("says what a server needs that lets nobody try its targets", async () => {
  const refused = { status: "error", errorType: "unavailable", error: "admin APIs disabled" };
  await it_.page.route("**/narthex/targets/try", (route) => route.fulfill({ status: 500, json: refused }));
  try {
    await it_.page.goto(`${it_.url}/targets`);
    await it_.page.getByRole("table", { name: "Targets of node" }).getByText("127.0.0.1").first().click();
    await it_.page.getByRole("button", { name: "Try now" }).click();
    await it_.page.getByText("--web.enable-admin-api").waitFor();
  } finally {
    await it_.page.unroute("**/narthex/targets/try");
  }
});

it("marks where a series ended among its stored samples", async () => {
  const ended = await world({
    history: () => `# TYPE gone gauge\n${[120, 105, 90].map((ago, i) => `gone{i="1"} ${i === 2 ? "NaN" : i + 1} ${Math.floor(Date.now() / 1000) - ago}`).join("\n")}\n# EOF\n`,
  });
  try {
    const { page } = ended;
    // A marker cannot be written as text.
    await page.route("**/narthex/samples", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('"NaN"', "null") });
    });
    await page.goto(`${ended.url}/query?g0.expr=gone&g0.tab=raw&range=5m`);
    await page.getByText("1 end of series").waitFor();
    const row = page.getByRole("table", { name: "Series" }).locator("tbody tr");
    expect(await row.locator("td").allTextContents()).toEqual(['gone i="1"', "2", "1", "15 s", "15 s", "15 s"]);
    expect(ended.errors).toEqual([]);
  } finally {
    await ended.close();
  }
});

it("asks one by one where a server has none of the endpoints beside Prometheus's", async () => {
  const { page } = it_;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.route("**/api/v1/narthex/**", (route) => route.fulfill({ status: 404, contentType: "text/plain", body: "404 page not found" }));
  try {
    await page.goto(`${it_.url}/`);
    await page.getByRole("link", { name: /^Targets\s*\d+\s*of 2 up$/ }).waitFor();
    await page.getByRole("table", { name: "Needs attention" }).getByText("Targets down").waitFor();
    // It is asked about once for each part of the page that was on its way, and no more.
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
    const batches = asked.filter((path) => path.endsWith("/batch")).length;
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
    expect(batches).toBeGreaterThan(0);
    expect(asked.filter((path) => path.endsWith("/batch")).length).toBe(batches);
    await page.goto(`${it_.url}/query?g0.expr=node_load1&g0.tab=raw&range=5m`);
    await page.getByText("samples of").waitFor();
  } finally {
    await page.unroute("**/api/v1/narthex/**");
  }
});

it("asks for all of Overview's figures in few requests", async () => {
  const { page } = it_;
  const asked: string[] = [];
  const note = (request: { url: () => string }) => asked.push(new URL(request.url()).pathname.replace(/.*\/api\/v1\//, ""));
  page.on("request", note);
  await page.goto(`${it_.url}/`);
  await page.getByText("Targets down").waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
  page.off("request", note);
  expect(asked.filter((path) => path === "narthex/batch").length).toBeGreaterThanOrEqual(4);
  // Those of the rail, and how many nodes there are.
  expect(asked.filter((path) => path.startsWith("query")).length).toBeLessThanOrEqual(6);
});

it("shows the exemplars that the server has from a page", async () => {
  const observed = Math.floor(Date.now() / 1000) - 60;
  const bucket = `seconds_bucket{le="1"} 3 # {trace_id="9f86d08"} 0.25 ${observed}.5`;
  const traced = await world({ openmetrics: `# TYPE seconds histogram\n${bucket}\nseconds_bucket{le="+Inf"} 3\nseconds_count 3\nseconds_sum 1` });
  try {
    const stored = async () => ((await (await fetch(`${traced.url}/api/v1/query_exemplars?query=seconds_bucket`)).json()) as { data: unknown[] }).data.length;
    await expect.poll(stored, { timeout: 60_000 }).toBe(1);
    await traced.page.goto(`${traced.url}/query?g0.expr=seconds_bucket&g0.tab=graph&range=5m`);
    await traced.page.getByText("1 exemplars").click();
    await traced.page.getByRole("table", { name: "Exemplars" }).getByText("trace_id=9f86d08").click();
    const chosen = traced.page.getByRole("region", { name: "Chosen exemplar" });
    await chosen.getByText("9f86d08", { exact: true }).waitFor();
    await chosen.getByText("seconds_bucket", { exact: true }).waitFor();
    expect(traced.errors).toEqual([]);
  } finally {
    await traced.close();
  }
});

it("counts a node that is down among the nodes, and says that it is not up", async () => {
  const ago = (minutes: number) => Math.floor(Date.now() / 1000) - 60 * minutes;
  const lately = Array.from({ length: 20 }, (_, n) => ago(25 - n));
  const down = await world({
    history: (_up, _gone, goneAt) => `# TYPE node_load1 gauge\n${lately.map((at) => `node_load1{job="node",instance="${goneAt}"} 1 ${at}`).join("\n")}\n# EOF\n`,
  });
  try {
    await down.page.goto(`${down.url}/`);
    await down.page.getByRole("link", { name: /^Nodes\s*1\s*of 2 up$/ }).waitFor();
  } finally {
    await down.close();
  }
});
