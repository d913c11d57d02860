// A server with a target of its own, and a browser that looks at it.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type Page, chromium } from "playwright-core";

const BINARY = process.env["NARTHEX_BIN"] ?? new URL("../../target/debug/narthex", import.meta.url).pathname;
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** A text that would be an attack if it were HTML. */
const ATTACK = "<img src=x onerror=window.attacked=1>";

/** What the target shows: figures of two nodes' worth, and a label that is hostile. */
const PAGE = `# TYPE node_load1 gauge
node_load1 0.5
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 100
node_cpu_seconds_total{cpu="0",mode="user"} 50
# TYPE node_memory_MemTotal_bytes gauge
node_memory_MemTotal_bytes 8589934592
# TYPE node_memory_MemAvailable_bytes gauge
node_memory_MemAvailable_bytes 4294967296
# TYPE hostile gauge
hostile{text="${ATTACK}"} 1
`;

/** The target that answers, and the one that does not, by name. */
const UP = "127.0.0.1:9101";
const GONE = "127.0.0.1:9102";

/** As many series as somebody may ask for by mistake. */
export function many(series: number): string {
  return `# TYPE many gauge\n${Array.from({ length: series }, (_, n) => `many{n="${n}",part="${n % 10}"} ${n}`).join("\n")}\n`;
}

export interface World {
  url: string;
  page: Page;
  /** Ports and directories, and what to call them where they have to be the same at every run. */
  names: readonly (readonly [string, string])[];
  /** Errors that the browser's console told. */
  errors: string[];
  /** Whether a text of the server's became a part of the page. */
  attacked: () => Promise<boolean>;
  /** Ends the server, as a crash would. */
  crash: () => Promise<void>;
  /** Starts it again. */
  start: () => Promise<void>;
  close: () => Promise<void>;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 90_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Wishes {
  /** The route prefix, such as `/metrics-ui`. */
  prefix?: string;
  /** What the target shows besides, in the text format. */
  extra?: string;
  /** What another target shows, in OpenMetrics. */
  openmetrics?: string;
  /** Samples of the past as OpenMetrics text, given the names of the target that answers and the one that does not, and the latter's address. */
  history?: (up: string, gone: string, goneAt: string) => string;
  viewport?: { width: number; height: number };
  /** From scrape to scrape; a scrape that takes as long has failed. */
  interval?: string;
  /** Under which others see the server, where that is not its own address: of a proxy that takes its path away. */
  externalUrl?: string;
  /** The file of `--web.config.file`, and what gets in. */
  guarded?: { file: string; username: string; password: string };
}

/** Starts everything. */
export async function world({ prefix = "", extra = "", openmetrics = "", history, viewport = { width: 1440, height: 900 }, interval = "1s", externalUrl, guarded }: Wishes = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "narthex-e2e-"));
  const target = createServer((request, response) => {
    if (request.url === "/openmetrics") {
      response.writeHead(200, { "content-type": "application/openmetrics-text; version=1.0.0" }).end(`${openmetrics}\n# EOF\n`);
    } else {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(PAGE + extra);
    }
  });
  const targetPort = await listen(target);
  const gone = await freePort();
  const traced =
    openmetrics === "" ? "" : `- job_name: traced\n  metrics_path: /openmetrics\n  static_configs: [{targets: ["127.0.0.1:${targetPort}"]}]\n`;
  writeFileSync(
    join(dir, "rules.yml"),
    'groups:\n- name: g\n  interval: 1s\n  rules:\n  - {record: "job:up:sum", expr: sum by (job) (up)}\n  - {alert: TargetDown, expr: up == 0, labels: {severity: page}}\n  - {alert: Waits, expr: up == 0, for: 1h, annotations: {summary: "' +
      ATTACK +
      '"}}\n',
  );
  writeFileSync(
    join(dir, "narthex.yml"),
    `global: {scrape_interval: ${interval}, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n- job_name: node\n  static_configs: [{targets: ["127.0.0.1:${targetPort}", "127.0.0.1:${gone}", "unwanted:1"], labels: {owner: "${ATTACK}"}}]\n  relabel_configs:\n  - {target_label: env, replacement: test}\n  - {source_labels: [__address__], regex: "unwanted:.*", action: drop}\n${traced}`,
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}${prefix}`;
  const names = [
    [`127.0.0.1:${targetPort}`, UP],
    [`127.0.0.1:${gone}`, GONE],
    [`127.0.0.1:${port}`, "127.0.0.1:9090"],
    [dir, "/srv/narthex"],
  ] as const;
  if (guarded) writeFileSync(join(dir, "web.yml"), guarded.file);
  if (history) {
    writeFileSync(join(dir, "history.om"), history(UP, GONE, `127.0.0.1:${gone}`));
    execFileSync(BINARY, ["tsdb", "import", "openmetrics", "--quiet", join(dir, "history.om"), join(dir, "data")]);
  }
  let server: ChildProcess | undefined;
  const start = async () => {
    const ui = process.env["NARTHEX_UI_DIR"] === undefined ? [] : [`--web.ui-dir=${process.env["NARTHEX_UI_DIR"]}`];
    const web = guarded === undefined ? [] : [`--web.config.file=${join(dir, "web.yml")}`];
    const outside = externalUrl === undefined ? [`--web.external-url=${url}/`] : [`--web.external-url=${externalUrl}`, "--web.route-prefix=/"];
    const flags = [...ui, ...web, ...outside, `--config.file=${join(dir, "narthex.yml")}`, `--storage.tsdb.path=${join(dir, "data")}`, `--web.listen-address=127.0.0.1:${port}`, "--storage.tsdb.retention.time=100y"];
    server = spawn(BINARY, [...flags, "--enable-feature=exemplar-storage", "--web.enable-admin-api"], { stdio: "ignore" });
    await until("the server scrapes", async () => {
      const headers = guarded ? { authorization: `Basic ${btoa(`${guarded.username}:${guarded.password}`)}` } : {};
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent("sum(up) > 0 and count(rate(node_cpu_seconds_total[1m])) > 0")}`, { headers });
      return ((await answer.json()) as { data: { result: unknown[] } }).data.result.length > 0;
    });
  };
  const crash = async () => {
    const ended = new Promise((resolve) => server?.once("exit", resolve));
    server?.kill("SIGKILL");
    await ended;
  };
  await start();
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  const page = await browser.newPage({ viewport, timezoneId: "UTC", locale: "en-GB", ...(guarded ? { httpCredentials: guarded } : {}) });
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  // The browser's own text does not tell what it was.
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", ({ sourceFile, lineNumber, columnNumber, target }) =>
      console.error(`against the policy: ${sourceFile}:${lineNumber}:${columnNumber} ${target instanceof Element ? target.outerHTML.slice(0, 200) : ""}`),
    ),
  );
  const attacked = () => page.evaluate(() => "attacked" in window || document.querySelector("img") !== null);
  const close = async () => {
    await browser.close();
    await crash();
    target.closeAllConnections();
    target.close();
    rmSync(dir, { recursive: true, force: true });
  };
  return { url, page, names, errors, attacked, crash, start, close };
}
