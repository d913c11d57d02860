// What the server knows of the metrics that somebody writes about; asked once for each name.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../../../api/client";
import { scrapeInterval } from "../../../api/interval";
import { metricNames } from "../names";
import type { Known } from "./source";

/** Names of one query that are looked up. */
const NAMES_MAX = 10;

const known = signal<Known>({ types: new Map(), labels: new Map(), interval: undefined });
const asked = new Set<string>();

async function typesOf(name: string): Promise<[string, string][]> {
  // The metadata of a histogram stands under the name of its family.
  const families = [...new Set([name, name.replace(/_(bucket|count|sum|total)$/, "")])];
  const answers = await Promise.all(families.map((metric) => get("metadata", { metric, limit_per_metric: 1 })));
  return answers.flatMap(({ data }) => Object.entries(data).flatMap(([family, [first]]): [string, string][] => (first ? [[family, first.type]] : [])));
}

async function learn(name: string): Promise<void> {
  if (asked.has(name)) return;
  asked.add(name);
  try {
    const [types, labels] = await Promise.all([typesOf(name), get("labels", { "match[]": [`{__name__=${JSON.stringify(name)}}`] })]);
    const { value } = known;
    known.value = { ...value, types: new Map([...value.types, ...types]), labels: new Map([...value.labels, [name, labels.data]]) };
  } catch {
    // Hints do without; the next time it may be known.
    asked.delete(name);
  }
}

async function learnInterval(): Promise<void> {
  if (asked.has("")) return;
  asked.add("");
  try {
    known.value = { ...known.value, interval: await scrapeInterval() };
  } catch {
    asked.delete("");
  }
}

/** What is known by now of the metrics in a query. */
export function useKnown(query: string): Known {
  useEffect(() => {
    void learnInterval();
    for (const name of metricNames(query).slice(0, NAMES_MAX)) void learn(name);
  }, [query]);
  return known.value;
}
