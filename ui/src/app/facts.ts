// What the rail tells of the server, asked once for all pages.

import { get, post } from "../api/client";
import { useAsk } from "../api/ask";
import { present } from "../state/clock";
import { began, look } from "../state/range";

export interface Facts {
  down: number;
  firing: number;
  series: number | undefined;
  /** Samples stored in a second. */
  rate: number | undefined;
  /** Bytes of blocks and log. */
  disk: number | undefined;
  version: string;
}

async function number(query: string, signal: AbortSignal): Promise<number | undefined> {
  const { data } = await post("query", { query }, signal);
  if (data.resultType !== "vector") return undefined;
  const value = data.result[0]?.value?.[1];
  return value === undefined ? undefined : Number(value);
}

/** Says since when there is something, if that is not long: then windows begin there. */
async function lookBack(head: number, signal: AbortSignal): Promise<void> {
  const young = Number.isFinite(head) && head > 0 && present() - head < 2 * 3600;
  const blocks = young ? (await get("status/tsdb/blocks", {}, signal)).data.blocks : [];
  began.value = young && blocks.length === 0 ? head : undefined;
}

async function ask(signal: AbortSignal): Promise<{ data: Facts; warnings: string[]; infos: string[] }> {
  const [down, firing, rate, disk, build, tsdb] = await Promise.all([
    number("count(up == 0)", signal),
    number('count(ALERTS{alertstate="firing"})', signal),
    number("sum(rate(prometheus_tsdb_head_samples_appended_total[1m]))", signal),
    number("sum(prometheus_tsdb_storage_blocks_bytes) + sum(prometheus_tsdb_wal_storage_size_bytes)", signal),
    get("status/buildinfo", {}, signal),
    get("status/tsdb", { limit: 1 }, signal),
  ]);
  await lookBack(tsdb.data.headStats.minTime / 1000, signal);
  const facts: Facts = {
    down: down ?? 0,
    firing: firing ?? 0,
    series: tsdb.data.headStats.numSeries,
    rate,
    disk,
    version: build.data.revision.replace(/^narthex-/, ""),
  };
  return { data: facts, warnings: [], infos: [] };
}

/** The facts, looked at anew with the page. */
export function useFacts() {
  return useAsk<Facts>(ask, [look.value]).state.value;
}
