// The queries of a page in one request; one by one where the server has no batch.

import { type Answer, ApiError, post, postLines } from "./client";
import { type Value, values } from "./promql";
import type { MatrixSeries, QueryData, RangeData } from "./types";

/** A query as the server's batch takes it. */
interface Asked {
  id: string;
  expr: string;
  time?: number;
  start?: number;
  end?: number;
  step?: number;
}

/** So many fit into one request. */
const MOST = 200;

/** Whether the server has a batch, once that is known. */
let served = true;

type Answers = Map<string, Answer<QueryData> | ApiError>;

async function oneByOne(queries: readonly Asked[], signal: AbortSignal): Promise<Answers> {
  const ask = async ({ id, expr, ...when }: Asked): Promise<[string, Answer<QueryData> | ApiError]> => {
    const path = when.start === undefined ? "query" : "query_range";
    try {
      return [id, await post(path, { query: expr, ...when }, signal)];
    } catch (error) {
      if (error instanceof ApiError) return [id, error];
      throw error;
    }
  };
  return new Map(await Promise.all(queries.map(ask)));
}

async function inOne(queries: readonly Asked[], signal: AbortSignal): Promise<Answers> {
  if (!served || queries.length > MOST) return oneByOne(queries, signal);
  try {
    return await postLines<QueryData>("narthex/batch", { queries }, signal);
  } catch (error) {
    if (!(error instanceof ApiError && error.kind === "not_found")) throw error;
    served = false;
    return oneByOne(queries, signal);
  }
}

/** What each query gave. One that failed has nothing and is told among the warnings; if all did, that is the error. */
export function together<T>(names: readonly string[], answers: Answers, read: (data: QueryData) => T, nothing: T): Answer<Record<string, T>> {
  const data: Record<string, T> = {};
  const [warnings, infos] = [new Set<string>(), new Set<string>()];
  let failed: ApiError | undefined;
  let good = 0;
  for (const name of names) {
    const answer = answers.get(name) ?? new ApiError("The server gave no answer to this query.", "internal", 0);
    if (answer instanceof ApiError) {
      failed ??= answer;
      data[name] = nothing;
      warnings.add(`${name}: ${answer.message}`);
      continue;
    }
    good += 1;
    data[name] = read(answer.data);
    answer.warnings.forEach((text) => warnings.add(text));
    answer.infos.forEach((text) => infos.add(text));
  }
  if (failed && good === 0) throw failed;
  return { data, warnings: [...warnings], infos: [...infos] };
}

/** Instant queries by name, all at one time. */
export async function instants(queries: Readonly<Record<string, string>>, time: number, signal: AbortSignal): Promise<Answer<Record<string, Value[]>>> {
  const asked = Object.entries(queries).map(([id, expr]) => ({ id, expr, time }));
  return together(Object.keys(queries), await inOne(asked, signal), values, []);
}

/** Range queries by name, all over one window. */
export async function ranges(queries: Readonly<Record<string, string>>, start: number, end: number, step: number, signal: AbortSignal): Promise<Answer<Record<string, MatrixSeries[]>>> {
  const asked = Object.entries(queries).map(([id, expr]) => ({ id, expr, start, end, step }));
  return together(Object.keys(queries), await inOne(asked, signal), (data) => (data as RangeData).result, []);
}
