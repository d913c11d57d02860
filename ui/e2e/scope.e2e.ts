// Overview of a part of what there is: a cluster, one without a name, some of the nodes.

import { afterAll, beforeAll, expect, it } from "vitest";
import { axe } from "./axe";
import { type World, world } from "./world";

let it_: World;
/** Bytes of memory of nodes that were seen a moment ago. */
const NODES: readonly [string, Record<string, string>][] = [
  ["1073741824", { cluster: "east", instance: "a:9100" }],
  ["2147483648", { cluster: "west", instance: "a:9100" }],
  ["1073741824", { cluster: "west", instance: "b:9100" }],
];

function seen(): string {
  const at = Math.floor(Date.now() / 1000) - 20;
  const lines = (name: string, value?: string) =>
    NODES.map(([bytes, labels]) => `${name}{job="node",${Object.entries(labels).map(([label, text]) => `${label}="${text}"`).join(",")}} ${value ?? bytes} ${at}`).join("\n");
  return `# TYPE node_load1 gauge\n${lines("node_load1", "1")}\n# TYPE node_memory_MemTotal_bytes gauge\n${lines("node_memory_MemTotal_bytes")}\n# TYPE node_memory_MemAvailable_bytes gauge\n${lines("node_memory_MemAvailable_bytes", "1")}\n# EOF\n`;
}

beforeAll(async () => {
  it_ = await world({ history: seen });
});
afterAll(() => it_.close());

/** What Overview says of the memory of all its nodes. */
const memory = (size: string) => it_.page.locator(".figures em").getByText(`of ${size}`, { exact: true });
const query = async (tile: string) => new URL((await it_.page.locator(".figures a", { hasText: tile }).getAttribute("href")) ?? "", it_.url).searchParams.get("g0.expr");

it("asks about the cluster that is chosen, about all of them, and about what has no cluster", async () => {
  const { page } = it_;
  await page.goto(`${it_.url}/?cluster=east`);
  await page.getByText("Needs attention").first().waitFor();
  expect(await query("Nodes")).toBe('node_load1{cluster="east"}');
  const cluster = page.getByLabel("cluster");
  await cluster.locator("option", { hasText: "west" }).waitFor({ state: "attached" });
  expect(await cluster.locator("option:checked").textContent()).toBe("east");
  await cluster.selectOption({ label: "west" });
  expect(new URL(page.url()).searchParams.get("cluster")).toBe("west");
  expect(await query("Nodes")).toBe('node_load1{cluster="west"}');
  await cluster.selectOption({ label: "without a name" });
  expect(new URL(page.url()).searchParams.get("cluster")).toBe("");
  await memory("8 GiB").waitFor();
  expect(await query("Nodes")).toBe('node_load1{cluster=""}');
  await page.getByRole("button", { name: "How these are found" }).click();
  const checks = await page.locator(".checks code").allTextContents();
  expect(checks.filter((one) => one.includes("node_")).every((one) => one.includes('cluster=""'))).toBe(true);
  await cluster.selectOption({ label: "all" });
  await memory("12 GiB").waitFor();
  expect(new URL(page.url()).searchParams.has("cluster")).toBe(false);
  expect(await axe(page)).toEqual([]);
});

it("asks about the nodes that are chosen", async () => {
  const { page } = it_;
  await page.goto(`${it_.url}/`);
  await page.getByText("all 3").click();
  const nodes = page.getByRole("group", { name: "nodes" });
  await nodes.getByLabel("b:9100").check();
  expect(new URL(page.url()).searchParams.get("node")).toBe("b:9100");
  await memory("1 GiB").waitFor();
  await nodes.getByLabel("a:9100").check();
  await memory("4 GiB").waitFor();
  expect(await query("Nodes")).toBe('node_load1{instance=~"b:9100|a:9100"}');
  expect(await axe(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.goBack();
  await memory("1 GiB").waitFor();
});
