// What a server answers that reads its log.

import type { Route } from "playwright-core";

/** Refuses everything but the state of the replay, which is at a quarter. */
export function startingUp(route: Route): Promise<void> {
  if (!route.request().url().endsWith("/status/walreplay")) {
    return route.fulfill({ status: 503, contentType: "text/plain", body: "Service Unavailable" });
  }
  const data = { min: 7, max: 11, current: 8, bytesRead: 300 << 20, bytesTotal: 1200 << 20 };
  return route.fulfill({ json: { status: "success", data } });
}
