// What alerting rules say of charts: bands where alerts about their lines were pending or fired.

import { afterAll, beforeAll, expect, it } from "vitest";
import { axe } from "./axe";
import { type World, world } from "./world";

let it_: World;
beforeAll(async () => {
  it_ = await world();
});
afterAll(() => it_.close());

const graph = (expr: string) => `${it_.url}/query?${new URLSearchParams({ "g0.expr": expr, "g0.tab": "graph", range: "5m" }).toString()}`;

it("a graph shows when alerts about its lines fired or waited", async () => {
  const { page } = it_;
  await page.goto(graph("up"));
  await page.getByRole("img", { name: /^up: .*TargetDown.* fires \d\d:\d\d to \d\d:\d\d/ }).waitFor();
  expect(await axe(page)).toEqual([]);
});

it("a graph of other lines, or of other targets, does not", async () => {
  const { page } = it_;
  const asked: string[] = [];
  page.on("request", (request) => {
    if (decodeURIComponent(request.postData() ?? "").includes("ALERTS{alertname=~")) asked.push(request.url());
  });
  await page.goto(graph("node_load1"));
  await page.getByRole("img", { name: "node_load1: 1 series", exact: true }).waitFor();
  await page.waitForLoadState("networkidle");
  expect(asked).toEqual([]);
  await page.goto(graph('up{instance!~".*1"} == 1 or up == 1'));
  await page.waitForLoadState("networkidle");
  await page.getByRole("img", { name: / series$/ }).waitFor();
  expect(asked.length).toBeGreaterThan(0);
});

it("a rule shows what it compares, under its bound and with its bands", async () => {
  const { page } = it_;
  await page.goto(`${it_.url}/alerts?range=5m`);
  await page.getByRole("table", { name: "Alerting rules" }).getByText("TargetDown").click();
  await page.getByRole("region", { name: "Expression over threshold" }).getByRole("img", { name: /^TargetDown: what it compares; TargetDown fires/ }).waitFor();
  expect(await axe(page)).toEqual([]);
});
