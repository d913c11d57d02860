// Queries, as pages ask them.

import type { LabelSet, MatrixSeries, QueryData } from "./types";
import { type Answer, post } from "./client";
import { toNumber } from "./points";

/** An element of an instant vector with its number. */
export interface Value {
  labels: LabelSet;
  value: number;
}

/** The elements of an answer; a scalar is one without labels. */
export function values(data: QueryData): Value[] {
  if (data.resultType === "scalar") return [{ labels: {}, value: toNumber(data.result[1]) }];
  if (data.resultType !== "vector") return [];
  return data.result.flatMap((sample) => (sample.value ? [{ labels: sample.metric, value: toNumber(sample.value[1]) }] : []));
}

/** An instant query. */
export async function instant(query: string, time: number, signal?: AbortSignal): Promise<Answer<Value[]>> {
  const answer = await post("query", { query, time }, signal);
  return { ...answer, data: values(answer.data) };
}

/** A range query. */
export async function range(query: string, start: number, end: number, step: number, signal?: AbortSignal): Promise<Answer<MatrixSeries[]>> {
  const answer = await post("query_range", { query, start, end, step }, signal);
  return { ...answer, data: answer.data.result };
}

/** Many at once, by name; remarks of all of them together. */
export async function all<T>(questions: Record<string, Promise<Answer<T>>>): Promise<Answer<Record<string, T>>> {
  const entries = await Promise.all(Object.entries(questions).map(async ([name, question]) => [name, await question] as const));
  return {
    data: Object.fromEntries(entries.map(([name, answer]) => [name, answer.data])),
    warnings: [...new Set(entries.flatMap(([, answer]) => answer.warnings))],
    infos: [...new Set(entries.flatMap(([, answer]) => answer.infos))],
  };
}
