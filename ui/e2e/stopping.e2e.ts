// A server that is going away: it says so, and what was there stays to be read.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type World, world } from "./world";

let it_: World;
beforeAll(async () => {
  it_ = await world();
});
afterAll(() => it_.close());

it("says that the server is stopping, keeps the last answer, and goes on once the server is back", async () => {
  const { page } = it_;
  await page.goto(`${it_.url}/alerts`);
  await page.getByText("TargetDown").first().waitFor();
  const asked = /\/api\/v1\/|\/-\/ready/;
  await page.route(asked, (route) => route.fulfill({ status: 503, contentType: "text/plain", headers: { "x-prometheus-stopping": "true" }, body: "Service Unavailable" }));
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByText("The server is stopping").first().waitFor();
  expect(await page.getByText("The server is starting").count()).toBe(0);
  expect(await page.getByText("TargetDown").count()).toBeGreaterThan(0);
  await page.unroute(asked);
  await page.getByText("The server is stopping").first().waitFor({ state: "detached" });
  await page.getByText("TargetDown").first().waitFor();
});
