// How often the server scrapes.

import { intervalIn } from "../format/interval";
import { get } from "./client";

/** Seconds from scrape to scrape where a job does not say otherwise. */
export async function scrapeInterval(signal?: AbortSignal): Promise<number | undefined> {
  return intervalIn((await get("status/config", {}, signal)).data.yaml);
}
