// Through all pages by keys alone, with the focus to be seen wherever it is.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type World, world } from "./world";

let it_: World;
beforeAll(async () => {
  // A dashboard of nodes finds them by this.
  it_ = await world({ extra: "node_time_seconds 1700000000\n" });
  // Whoever has no pointer has none by mistake either.
  await it_.page.mouse.move(0, 0);
  await it_.page.goto(`${it_.url}/`);
  await it_.page.getByText("Targets down").waitFor();
});
afterAll(() => it_.close());

/** Keys, one after the other: single ones, or chords such as `Control+k`. */
async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

/** What has the focus: its name or text, and whether that can be seen. */
async function focused(page: Page): Promise<{ what: string; tag: string; seen: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement ?? document.body;
    const drawn = (one: Element) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
      return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    };
    const box = element.getBoundingClientRect();
    const inView = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
    // An editor's frame shows it for its text.
    const seen = inView && (drawn(element) || (element.closest(".editor") !== null && drawn(element.closest(".editor") as Element)));
    const what = element.getAttribute("aria-label") ?? element.getAttribute("title") ?? (element.textContent ?? "").trim().slice(0, 80);
    return { what, tag: element.tagName.toLowerCase(), seen };
  });
}

/** The focus is there, and to be seen. */
async function expectFocus(page: Page, what: string | RegExp, tag?: string): Promise<void> {
  const want = { what: typeof what === "string" ? what : (expect.stringMatching(what) as string), seen: true, ...(tag === undefined ? {} : { tag }) };
  await expect.poll(() => focused(page), { timeout: 10_000 }).toMatchObject(want);
}

/** From wherever it is to the first row that something can be done with. */
async function toRows(page: Page): Promise<void> {
  await page.locator('main tr[data-row][tabindex="0"]').first().waitFor();
  await settled(page);
  await press(page, "Escape", "j");
  await expect.poll(async () => (await focused(page)).tag).toBe("tr");
}

/** Goes on with Tab until something has the focus; every stop on the way can be seen. */
async function tabTo(page: Page, what: string | RegExp): Promise<void> {
  for (let i = 0; i < 60; i += 1) {
    await press(page, "Tab");
    const found = await focused(page);
    if (found.tag === "body") continue;
    expect(found, "the focus can be seen").toMatchObject({ seen: true });
    if (typeof what === "string" ? found.what === what : what.test(found.what)) return;
  }
  throw new Error(`Tab never leads to ${String(what)}`);
}

const params = (page: Page) => new URL(page.url()).searchParams;
const heading = (page: Page, title: string) => page.getByRole("heading", { name: title, level: 1 }).waitFor();

async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null);
}

it("begins at Overview, and leads to every page by two letters", async () => {
  const { page } = it_;
  for (const [key, title] of [["e", "Explore"], ["d", "Dashboards"], ["t", "Targets"], ["a", "Alerts"], ["c", "Cardinality"], ["q", "Queries"], ["s", "Status"], ["o", "Overview"]] as const) {
    await press(page, "g", key);
    await heading(page, title);
    expect(await page.locator('nav a[aria-current="page"]').getAttribute("title")).toBe(title);
  }
});

it("shows the keys, and goes back to where it was", async () => {
  const { page } = it_;
  await press(page, "?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("fold the rail").waitFor();
  await press(page, "Escape");
  await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
  await press(page, "[");
  await page.locator("#app.folded").waitFor();
  await press(page, "[");
  await page.locator("#app:not(.folded)").waitFor();
  await press(page, "l");
  await page.locator('html[data-theme="dark"]').waitFor();
  await press(page, "l");
});

it("chooses the window of time by writing it, shifts and widens it, and comes back to now", async () => {
  const { page } = it_;
  await press(page, "g", "o");
  await heading(page, "Overview");
  await press(page, "t");
  await expectFocus(page, "Window of time", "input");
  await page.keyboard.type("nonsense");
  await press(page, "Enter");
  await page.getByText("Write a length such as 2h").waitFor();
  await press(page, "Control+a");
  await page.keyboard.type("2h");
  await press(page, "Enter");
  await expect.poll(() => params(page).get("range")).toBe("2h");
  await expectFocus(page, /^Last 2h/, "button");
  await press(page, "-");
  await expect.poll(() => params(page).get("range")).toBe("4h");
  await press(page, "+", "+");
  await expect.poll(() => params(page).get("range")).toBe("1h");
  await press(page, "ArrowLeft");
  await expect.poll(() => params(page).has("end")).toBe(true);
  const before = Number(params(page).get("end"));
  await press(page, "ArrowLeft");
  await expect.poll(() => before - Number(params(page).get("end"))).toBe(1800);
  await press(page, "0");
  await expect.poll(() => params(page).has("end")).toBe(false);
  await press(page, "ArrowLeft", "ArrowRight", "ArrowRight");
  await expect.poll(() => params(page).has("end")).toBe(false);
  await press(page, "t");
  await page.keyboard.type("now-30m to now-10m");
  await press(page, "Enter");
  await expect.poll(() => params(page).get("range")).toBe("20m");
  await press(page, "t", "Escape");
  await expectFocus(page, /20m/, "button");
  await press(page, "0");
});

it("changes between UTC and local time, and looks anew", async () => {
  const { page } = it_;
  const time = page.locator('[data-key="t"]');
  // The browser's own zone is UTC too, and is named otherwise.
  const utc = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  await press(page, "u");
  await expect.poll(() => page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toBe(utc);
  await press(page, "u");
  await expect.poll(() => page.evaluate(() => JSON.stringify({ ...localStorage }))).toBe(utc);
  await time.waitFor();
  const asked = page.waitForRequest(/narthex\/batch/);
  // Within one second the window would be the same.
  await page.waitForTimeout(1000);
  await press(page, "r");
  await asked;
});

it("goes to anything by some of its letters", async () => {
  const { page } = it_;
  await press(page, "Control+k");
  await expect.poll(async () => (await focused(page)).tag).toBe("input");
  await page.keyboard.type("use meth node");
  const option = page.getByRole("option", { selected: true });
  await option.getByText("USE Method / Node").waitFor();
  await press(page, "ArrowDown", "ArrowUp", "Enter");
  await page.waitForURL(/dashboards\?d=use-node/);
  await page.getByText("Utilisation").first().waitFor();
  await press(page, "Control+k");
  await page.getByRole("dialog", { name: "Go to" }).waitFor();
  await press(page, "Escape");
  await page.getByRole("dialog", { name: "Go to" }).waitFor({ state: "detached" });
});

it("chooses a dashboard, opens a panel's menu, and sees it as a table", async () => {
  const { page } = it_;
  await press(page, "g", "d");
  await heading(page, "Dashboards");
  await press(page, "/");
  await expectFocus(page, "Dashboard", "select");
  await page.keyboard.type("USE Method / N");
  await page.waitForURL(/d=use-node/);
  await settled(page);
  await tabTo(page, /^Menu of /);
  await press(page, "Enter");
  await tabTo(page, "Explore");
  await tabTo(page, "As table");
  await press(page, "Enter");
  await page.locator("main table").first().waitFor();
  await expectFocus(page, /^Menu of /, "summary");
});

it("filters targets, opens one of the rows, tries it, and closes it again", async () => {
  const { page } = it_;
  await press(page, "Escape", "g", "t");
  await heading(page, "Targets");
  await page.getByRole("table", { name: "Targets of node" }).getByText("127.0.0.1").first().waitFor();
  await press(page, "/");
  await expectFocus(page, "Filter targets", "input");
  await page.keyboard.type("refused");
  await expect.poll(() => params(page).get("filter")).toBe("refused");
  await press(page, "Escape");
  expect((await focused(page)).tag).toBe("body");
  await press(page, "j");
  await expectFocus(page, /connection refused/, "tr");
  await press(page, "Enter");
  await page.getByText("Last error").waitFor();
  await tabTo(page, "Try now");
  await press(page, "Enter");
  await page.getByRole("region", { name: "Try it" }).getByText("No answer").waitFor();
  await press(page, "Escape");
  await page.getByText("Last error").waitFor({ state: "detached" });
  await expectFocus(page, /connection refused/, "tr");
  await press(page, "/", "Control+a", "Delete", "Escape");
  await expect.poll(() => page.locator('main tr[tabindex="0"]').count()).toBeGreaterThan(1);
  await press(page, "j", "j");
  await expectFocus(page, /^○/, "tr");
  await press(page, "k", "k");
  await expectFocus(page, /connection refused/, "tr");
});

it("writes queries, runs them, finds earlier ones, and reads the answer in every form", async () => {
  const { page } = it_;
  await press(page, "g", "e");
  await heading(page, "Explore");
  await page.getByRole("textbox", { name: "Query A" }).waitFor();
  await press(page, "/");
  await expectFocus(page, "Query A");
  await page.keyboard.type("count(up)");
  await press(page, "Control+Enter");
  await expect.poll(() => params(page).get("g0.expr")).toBe("count(up)");
  await page.getByText("samples read").waitFor();
  // Chromium styles by itself what is typed over a selection, and tells that the policy forbids it.
  await press(page, "Control+a", "Delete");
  await page.keyboard.type("node_load1");
  // Completion is open: it closes, and the query of one line runs.
  await press(page, "Escape", "Enter");
  await expect.poll(() => params(page).get("g0.expr")).toBe("node_load1");
  await press(page, "Alt+ArrowUp", "Alt+ArrowUp");
  await expect.poll(() => page.getByRole("textbox", { name: "Query A" }).textContent()).toBe("count(up)");
  await press(page, "Alt+ArrowDown");
  await expect.poll(() => page.getByRole("textbox", { name: "Query A" }).textContent()).toBe("node_load1");
  await press(page, "Control+Enter");
  await tabTo(page, "Add query");
  await press(page, "Enter");
  await page.getByRole("textbox", { name: "Query B" }).waitFor();
  await press(page, "Control+2");
  await expectFocus(page, "Query B");
  await page.keyboard.type("up");
  await press(page, "Escape", "Control+Enter");
  await expect.poll(() => params(page).get("g1.expr")).toBe("up");
  await press(page, "Control+1");
  await expectFocus(page, "Query A");
  await press(page, "Escape");
  expect((await focused(page)).tag).toBe("body");
  // The rows of the graph's legend.
  await page.getByRole("table", { name: "Series" }).first().waitFor();
  await toRows(page);
  await press(page, "Enter");
  await page.locator("tr.selected").first().waitFor();
  await press(page, "Control+1", "Escape");
  await tabTo(page, "Graph");
  await press(page, "ArrowRight");
  await expectFocus(page, "Table", "button");
  expect(params(page).has("end")).toBe(false);
  for (const [title, name] of [["Table", "Result"], ["Raw samples", "Series"], ["Explain", "Plan"]] as const) {
    await expectFocus(page, title, "button");
    await press(page, "Enter");
    await page.getByRole("table", { name }).first().waitFor();
    await press(page, "ArrowRight");
  }
  await expectFocus(page, "Graph", "button");
});

it("opens an alert and asks whether it would have fired, counts series by label, and reads the status", async () => {
  const { page } = it_;
  await press(page, "g", "a");
  await page.getByRole("table", { name: "Alerting rules" }).getByText("TargetDown").waitFor();
  await press(page, "/");
  await page.keyboard.type("TargetDown");
  await toRows(page);
  await press(page, "Enter");
  await tabTo(page, /^Try it/);
  await press(page, "Enter");
  await page.getByText(/would (not )?have fired/).first().waitFor();
  await press(page, "Escape");
  await page.getByRole("region", { name: "Would it have fired?" }).waitFor({ state: "detached" });

  await press(page, "g", "c");
  await page.getByText("active series").waitFor();
  await settled(page);
  await tabTo(page, "Labels");
  await press(page, "Enter");
  await expect.poll(() => params(page).get("by")).toBe("label");
  await settled(page);
  await toRows(page);
  await press(page, "Enter");
  await expect.poll(() => params(page).has("focus")).toBe(true);

  await press(page, "g", "s");
  await page.getByText("Running for").waitFor();
  await tabTo(page, "Storage");
  await press(page, "Enter");
  await page.getByText("Newest sample").waitFor();

  await press(page, "g", "q");
  await page.getByText("Last 24 hours").waitFor();
  await tabTo(page, "Memory");
  await press(page, "Enter");
  await expect.poll(() => params(page).get("sort")).toBe("memory");
});

it("comes to an end where it began, without an error", async () => {
  const { page } = it_;
  await press(page, "Escape", "g", "o");
  await heading(page, "Overview");
  await page.getByText("Targets down").waitFor();
  await tabTo(page, /look at it in Explore$/);
  await press(page, "Enter");
  await page.waitForURL(/query\?g0\.expr=/);
  await page.goBack();
  await heading(page, "Overview");
  expect(it_.errors).toEqual([]);
});
