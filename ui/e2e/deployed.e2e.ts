// As people run it: behind passwords, below a path, behind a proxy that takes the path away; and asking nobody else.

import { type Server, createServer, request } from "node:http";
import { type AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { type World, world } from "./world";

/** Every page by a link of its own, and what stands on it once it has its answer. */
const PAGES: readonly [string, string][] = [
  ["", "Targets down"],
  ["query?g0.expr=node_load1&g0.tab=graph&range=5m", "samples read"],
  ["query?g0.expr=node_load1&g0.tab=raw&range=5m", "samples of"],
  ["dashboards?d=use-node", "Saturation"],
  ["targets", "127.0.0.1"],
  ["alerts", "TargetDown"],
  ["cardinality", "active series"],
  ["queries", "No query is running"],
  ["status", "Running for"],
];

interface Seen {
  /** Origins that were asked. */
  origins: Set<string>;
  /** Paths of this server outside of the UI's own. */
  outside: string[];
}

function watch(page: Page, base: string): Seen {
  const seen: Seen = { origins: new Set(), outside: [] };
  page.on("request", (one) => {
    const url = new URL(one.url());
    if (url.protocol === "data:" || url.protocol === "blob:") return;
    seen.origins.add(url.origin);
    if (!one.url().startsWith(base)) seen.outside.push(one.url());
  });
  return seen;
}

/** Opens each page anew, and goes to it from another by its link. */
async function visitAll(page: Page, base: string): Promise<void> {
  for (const [path, text] of PAGES) {
    await page.goto(`${base}${path}`);
    await page.locator("main").getByText(text).first().waitFor();
  }
  for (const title of ["Explore", "Dashboards", "Targets", "Alerts", "Cardinality", "Queries", "Status", "Overview"]) {
    await page.getByRole("navigation").getByRole("link", { name: title }).click();
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    expect(page.url().startsWith(base)).toBe(true);
  }
}

/** Asks a target, which only the server's own pages may. */
async function tryTarget(page: Page, base: string): Promise<void> {
  await page.goto(`${base}targets?show=down`);
  await page.getByText("connection refused").first().click();
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByRole("region", { name: "Try it" }).getByText("No answer").waitFor();
}

async function during(made: Promise<World>, act: (it: World) => Promise<void>): Promise<void> {
  const it_ = await made;
  try {
    await act(it_);
    expect(it_.errors).toEqual([]);
  } finally {
    await it_.close();
  }
}

/** Forwards what comes below a path, without that path. */
async function proxy(path: string): Promise<{ server: Server; url: string; to: (target: string) => void }> {
  let target = "";
  const server = createServer((incoming, outgoing) => {
    const asked = incoming.url ?? "";
    if (!asked.startsWith(path)) return void outgoing.writeHead(404).end("not of the proxied");
    const forwarded = request(`${target}/${asked.slice(path.length)}`, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, to: (url) => (target = url) };
}

const POLICY = [
  ["default-src", "'self'"],
  ["base-uri", "'self'"],
  ["frame-ancestors", "'none'"],
  ["object-src", "'none'"],
] as const;

describe("every page", () => {
  it("asks this server only, under a policy that forbids all others", () =>
    during(world(), async ({ page, url, errors }) => {
      const seen = watch(page, `${url}/`);
      const answer = await page.goto(`${url}/`);
      const header = answer?.headers()["content-security-policy"] ?? "";
      const policy = new Map(header.split(";").map((part) => [part.trim().split(" ")[0] ?? "", part.trim()]));
      for (const [name, value] of POLICY) expect(policy.get(name)).toBe(`${name} ${value}`);
      expect(header).not.toMatch(/unsafe-(inline|eval)|\*|https?:/);
      await visitAll(page, `${url}/`);
      expect([...seen.origins]).toEqual([new URL(url).origin]);
      expect(errors).toEqual([]);
      // What would be foreign is refused by the browser, which says so.
      const refused = await page.evaluate(async () => {
        const fetched = await fetch("http://127.0.0.1:9/").then(() => "", () => "refused");
        const image = new Image();
        const loaded = new Promise((resolve) => ((image.onerror = () => resolve("refused")), (image.onload = () => resolve(""))));
        image.src = "http://127.0.0.1:9/x.png";
        return [fetched, await loaded];
      });
      expect(refused).toEqual(["refused", "refused"]);
      errors.length = 0;
    }));

  it("works for whoever has the password, and nothing is there for others", () =>
    during(
      world({ guarded: { username: "ann", password: "open sesame", file: "basic_auth_users: {ann: '$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy'}\n" } }),
      async ({ page, url }) => {
        for (const path of ["", "targets", "api/v1/narthex/samples", "assets/x.js"]) {
          for (const headers of [{}, { authorization: `Basic ${btoa("ann:sesame")}` }]) {
            const shut = await fetch(`${url}/${path}`, { headers });
            expect([shut.status, shut.headers.get("www-authenticate")]).toEqual([401, "Basic"]);
          }
        }
        await visitAll(page, `${url}/`);
        await tryTarget(page, `${url}/`);
      },
    ));

  it("works below a path", () =>
    during(world({ prefix: "/some/where" }), async ({ page, url }) => {
      const seen = watch(page, `${url}/`);
      await visitAll(page, `${url}/`);
      await tryTarget(page, `${url}/`);
      expect(seen.outside).toEqual([]);
    }));

  it("works behind a proxy that takes the path away", async () => {
    const { server, url, to } = await proxy("/behind/proxy/");
    try {
      await during(world({ externalUrl: url }), async ({ page, url: own }) => {
        to(own);
        const seen = watch(page, url);
        await visitAll(page, url);
        await tryTarget(page, url);
        expect(seen.outside).toEqual([]);
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
