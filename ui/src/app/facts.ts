// What the rail tells of the server, asked once for all pages.

import { get, post } from "../api/client";
import { useAsk } from "../api/ask";
import type { QueryData } from "../api/types";
import { look } from "../state/range";

export interface Facts {
  down: number;
  firing: number;
  series: number | undefined;
  version: string;
}

async function number(query: string, signal: AbortSignal): Promise<number | undefined> {
  const { data } = await post<QueryData>("query", { query }, signal);
  if (data.resultType !== "vector") return undefined;
  const value = data.result[0]?.value?.[1];
  return value === undefined ? undefined : Number(value);
}

async function ask(signal: AbortSignal): Promise<{ data: Facts; warnings: string[]; infos: string[] }> {
  const [down, firing, build, tsdb] = await Promise.all([
    number("count(up == 0)", signal),
    number('count(ALERTS{alertstate="firing"})', signal),
    get<{ version: string; revision: string }>("status/buildinfo", {}, signal),
    get<{ headStats: { numSeries: number } }>("status/tsdb", { limit: 1 }, signal),
  ]);
  const facts: Facts = {
    down: down ?? 0,
    firing: firing ?? 0,
    series: tsdb.data.headStats.numSeries,
    version: build.data.revision.replace(/^narthex-/, ""),
  };
  return { data: facts, warnings: [], infos: [] };
}

/** The facts, looked at anew with the page. */
export function useFacts() {
  return useAsk<Facts>(ask, [look.value]).state.value;
}
