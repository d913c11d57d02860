// Pictures of every page for the documentation, from a server that has real data; names choose some of them:
// `npm run screenshots -- http://127.0.0.1:9090 ../docs/screenshots [NAME…]`. Those of a cluster want one that has a
// cluster's, which `cluster-data.mjs` makes.

import { statSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** A picture in the documentation weighs no more, bytes. */
const MOST = 150_000;

const SIZE = { width: 1280, height: 720 };
/** For pages that are dense. */
const SMALL = { width: 1120, height: 640 };

/** Name, address, what is done on the page before the picture is taken, and the size of it. */
const PICTURES = [
  ["overview", "?theme=light"],
  ["overview-dark", "?theme=dark"],
  ["explore", `query?g0.expr=${encodeURIComponent('sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))')}&g0.tab=graph&theme=light`],
  ["explore-hints-dark", `query?g0.expr=${encodeURIComponent('rate(node_memory_MemAvailable_bytes{job=~"node"}[10s])')}&g0.tab=graph&theme=dark`],
  ["dashboard-node", "dashboards?d=use-node&theme=light"],
  ["dashboard-cluster", "dashboards?d=cluster&range=1h&theme=light"],
  ["overview-cluster", "?range=1h&theme=light"],
  ["targets", "targets?job=node&theme=light", (page) => page.locator("tr[data-row]").first().click()],
  ["alerts", "alerts?theme=light", openAlert],
  ["cardinality", "cardinality?theme=dark", undefined, SMALL],
  ["queries", "queries?theme=light", undefined, SMALL],
  ["status", "status?theme=light"],
  ["storage", "status?tab=storage&theme=dark"],
];

async function openAlert(page) {
  await page.locator("tr[data-row]").first().click();
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("As it is").first().waitFor();
}

const [url, directory, ...names] = process.argv.slice(2);
if (url === undefined || directory === undefined) throw new Error("usage: screenshots.mjs URL DIRECTORY [NAME…]");
const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage({ viewport: SIZE, timezoneId: "UTC", locale: "en-GB", reducedMotion: "reduce" });
  // The typeface is shown when it comes in time, which is from the second page on.
  await page.goto(url);
  await settle(page);
  for (const [name, path, prepare, size = SIZE] of PICTURES) {
    if (names.length > 0 && !names.includes(name)) continue;
    await page.setViewportSize(size);
    await page.goto(`${url}/${path}`);
    await page.locator("h1").waitFor();
    await settle(page);
    await prepare?.(page);
    await settle(page);
    const file = join(directory, `${name}.png`);
    await page.screenshot({ path: file });
    const bytes = statSync(file).size;
    console.log(`${file}: ${bytes} bytes`);
    if (bytes > MOST) throw new Error(`${file} is larger than ${MOST} bytes`);
  }
} finally {
  await browser.close();
}

/** Waits until nothing is on its way, and what came is drawn. */
async function settle(page) {
  await page.waitForTimeout(1500);
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
