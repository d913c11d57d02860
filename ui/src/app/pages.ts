// The pages, in the order of the rail. Nothing else knows all of them; no page knows another.

import type { FunctionComponent } from "preact";
import type { IconName } from "../parts/icons";

export interface Page {
  /** First part of the path. */
  path: string;
  title: string;
  icon: IconName;
  /** `g` and this letter lead here. */
  key: string;
  load: () => Promise<{ default: FunctionComponent }>;
  /** Prometheus's paths of the same meaning. */
  also: readonly string[];
}

export const PAGES: readonly Page[] = [
  { path: "", title: "Overview", icon: "overview", key: "o", load: () => import("../pages/overview/page"), also: ["overview"] },
  { path: "query", title: "Explore", icon: "explore", key: "e", load: () => import("../pages/explore/page"), also: ["explore", "graph"] },
  { path: "dashboards", title: "Dashboards", icon: "dashboards", key: "d", load: () => import("../pages/dashboards/page"), also: [] },
  { path: "targets", title: "Targets", icon: "targets", key: "t", load: () => import("../pages/targets/page"), also: ["service-discovery"] },
  { path: "alerts", title: "Alerts", icon: "alerts", key: "a", load: () => import("../pages/alerts/page"), also: ["rules"] },
  { path: "cardinality", title: "Cardinality", icon: "cardinality", key: "c", load: () => import("../pages/cardinality/page"), also: ["tsdb-status"] },
  { path: "queries", title: "Queries", icon: "queries", key: "q", load: () => import("../pages/queries/page"), also: [] },
  { path: "status", title: "Status", icon: "status", key: "s", load: () => import("../pages/status/page"), also: ["config", "flags", "config-and-flags", "runtime-info", "tsdb"] },
];

/** The page of a path. */
export function pageOf(path: string): Page | undefined {
  const first = path.split("/")[0] ?? "";
  return PAGES.find((page) => page.path === first || page.also.includes(first));
}
