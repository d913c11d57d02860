// Where one can go: pages, dashboards, metrics, targets, alerts, and queries of the past.

import { type Answer, type Params, get } from "../api/client";
import type { Gets } from "../api/types";
import { link } from "../state/url";
import { PAGES } from "./pages";

export interface Goal {
  name: string;
  kind: "page" | "dashboard" | "metric" | "target" | "alert" | "query";
  href: string;
}

/** Of each kind no more are looked through. */
const MOST = 10_000;

const explore = (query: string) => link("query", { "g0.expr": query, "g0.tab": "graph" });

/** Known at once. */
export function pages(): Goal[] {
  return PAGES.map((page): Goal => ({ name: page.title, kind: "page", href: link(page.path) }));
}

/** What the parts of pages know; they are loaded for it. */
async function kept(): Promise<Goal[]> {
  const [{ BUILTIN }, { stored }, { history }] = await Promise.all([import("../pages/dashboards/builtin"), import("../pages/dashboards/store"), import("../pages/explore/state")]);
  return [
    ...[...stored.peek(), ...BUILTIN].map(({ id, title }): Goal => ({ name: title, kind: "dashboard", href: link("dashboards", { d: id }) })),
    ...history().map((query): Goal => ({ name: query, kind: "query", href: explore(query) })),
  ];
}

/** All of them. What the server does not tell is left out. */
export async function goals(signal: AbortSignal): Promise<Answer<Goal[]>> {
  const ask = async <P extends keyof Gets>(path: P, params: Params, none: Gets[P]): Promise<Gets[P]> => {
    try {
      return (await get(path, params, signal)).data;
    } catch {
      return none;
    }
  };
  const [own, metrics, targets, rules] = await Promise.all([
    kept(),
    ask("label/__name__/values", { limit: MOST }, []),
    ask("label/instance/values", { limit: MOST, "match[]": "up" }, []),
    ask("rules", { type: "alert", exclude_alerts: "true" }, { groups: [] }),
  ]);
  const alerts = [...new Set(rules.groups.flatMap((group) => group.rules.map((rule) => rule.name)))];
  const data = [
    ...own,
    ...alerts.map((name): Goal => ({ name, kind: "alert", href: link("alerts", { filter: name }) })),
    ...targets.map((name): Goal => ({ name, kind: "target", href: link("targets", { filter: name }) })),
    ...metrics.map((name): Goal => ({ name, kind: "metric", href: explore(name) })),
  ];
  return { data, warnings: [], infos: [] };
}
