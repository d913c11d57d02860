// The row of figures: each leads to where it comes from.

import { useAsk } from "../../api/ask";
import { instants } from "../../api/batch";
import { type Unit, count, format } from "../../format/numbers";
import { link } from "../../state/url";
import { type Scope, scoped } from "./scope";

interface Tile {
  title: string;
  query: string;
  unit: Unit;
  /** `of 14 up`: the second figure's query and the words about it. */
  beside?: { query: string; text: (value: number) => string };
  href: string;
  /** Shown even when there is nothing. */
  always?: boolean;
}

const exploreAll = (query: string) => link("query", { "g0.expr": query, "g0.tab": "graph" });
const BUSY = '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[RATES]))';
const USED = "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)";
/** Targets that are down and were a node lately, however long they have been down: looked at a few moments, which costs little. */
const DOWN = `(up == 0) and on (job, instance) (${["10m", "1h", "6h", "1d"].map((ago) => `node_load1 offset ${ago}`).join(" or ")})`;

/** A tile leads to Explore by the query that it asks there, or to a page of ours. */
function tiles(rates: number, scope: Scope): Tile[] {
  const busy = BUSY.replace("RATES", `${rates}s`);
  const explore = (query: string) => exploreAll(scoped(query, scope));
  const all: Tile[] = [
    {
      title: "Nodes",
      query: `count(node_load1) or 0 * count(${DOWN})`,
      unit: "count",
      beside: { query: `count(node_load1 or on (job, instance) (${DOWN}))`, text: (value) => `of ${count(value)} up` },
      href: explore("node_load1"),
    },
    {
      title: "CPU busy",
      query: busy,
      unit: "ratio",
      beside: { query: 'count(node_cpu_seconds_total{mode="idle"})', text: (value) => `of ${count(value)} cores` },
      href: explore(busy),
    },
    {
      title: "Memory used",
      query: USED,
      unit: "ratio",
      beside: { query: "sum(node_memory_MemTotal_bytes)", text: (value) => `of ${format(value, "bytes")}` },
      href: explore(USED),
    },
    {
      title: "Pods",
      query: 'sum(kube_pod_status_phase{phase="Running"})',
      unit: "count",
      beside: { query: 'sum(kube_pod_status_ready{condition="false"})', text: (value) => `${count(value)} not ready` },
      href: explore("sum by (phase) (kube_pod_status_phase)"),
    },
    {
      title: "Targets",
      query: "sum(up)",
      unit: "count",
      beside: { query: "count(up)", text: (value) => `of ${count(value)} up` },
      href: link("targets"),
      always: true,
    },
    {
      title: "Alerts",
      query: 'count(ALERTS{alertstate="firing"}) or vector(0)',
      unit: "count",
      beside: { query: 'count(ALERTS{alertstate="pending"}) or vector(0)', text: (value) => `firing, ${count(value)} pending` },
      href: link("alerts"),
      always: true,
    },
    { title: "Series", query: "max(prometheus_tsdb_head_series)", unit: "count", beside: { query: "max(prometheus_tsdb_head_series) / max(prometheus_tsdb_head_series offset 1d) - 1", text: (value) => `${value < 0 ? "" : "+"}${format(value, "ratio")} in 24 h` }, href: link("cardinality") },
  ];
  return all.map((tile) => ({ ...tile, query: scoped(tile.query, scope), ...(tile.beside ? { beside: { ...tile.beside, query: scoped(tile.beside.query, scope) } } : {}) }));
}

function queriesOf(list: readonly Tile[]): Record<string, string> {
  return Object.fromEntries(list.flatMap((tile) => [[tile.title, tile.query], ...(tile.beside ? [[`${tile.title} beside`, tile.beside.query]] : [])] as [string, string][]));
}

export function Figures({ end, rates, scope }: { end: number; rates: number; scope: Scope }) {
  const list = tiles(rates, scope);
  const asked = useAsk((signal) => instants(queriesOf(list), end, signal), [end, rates, scope]);
  const data = asked.state.value.answer?.data;
  return (
    <div class="figures">
      {list.map((tile) => {
        const value = data?.[tile.title]?.[0]?.value;
        const beside = data?.[`${tile.title} beside`]?.[0]?.value;
        if (value === undefined && !tile.always) return null;
        return (
          <a key={tile.title} href={tile.href}>
            <span>{tile.title}</span>
            <b>{value === undefined ? "–" : format(value, tile.unit)}</b>
            {tile.beside && beside !== undefined && <em>{tile.beside.text(beside)}</em>}
          </a>
        );
      })}
    </div>
  );
}
