// Nodes by pressure: the worst cell is coloured, the worst node comes first.

import { useMemo } from "preact/hooks";
import type { Value } from "../../api/promql";
import type { MatrixSeries } from "../../api/types";
import { NO_VALUES, type Values, lastOf, toLines } from "../../charts/series";
import { Spark } from "../../charts/spark";
import { format } from "../../format/numbers";
import { type Column, Table } from "../../parts/table";
import { writeList } from "../../state/list";
import { go, link } from "../../state/url";
import type { Scope } from "./scope";
import { RESOURCES } from "./use";

interface Node {
  name: string;
  last: Record<string, number>;
  cpu: Values;
  /** How near it is to its limits, 1 is at one. */
  pressure: number;
}

const FULL: [number, number] = [0.85, 0.95];
const FIGURES = RESOURCES.flatMap((resource) => resource.figures);

function nodes(data: Record<string, MatrixSeries[]>, fullest: readonly Value[], start: number, end: number, step: number): Node[] {
  const found = new Map<string, Node>();
  const at = (name: string): Node => {
    const node = found.get(name) ?? { name, last: {}, cpu: NO_VALUES, pressure: 0 };
    found.set(name, node);
    return node;
  };
  for (const figure of FIGURES) {
    for (const line of toLines(data[figure.id] ?? [], start, end, step).lines) {
      const node = at(line.labels["instance"] ?? "");
      const last = lastOf(line.values);
      if (Number.isNaN(last)) continue;
      node.last[figure.id] = last;
      if (figure.id === "cpu") node.cpu = line.values;
      if (figure.levels) node.pressure = Math.max(node.pressure, last / figure.levels[1]);
    }
  }
  for (const { labels, value } of fullest) {
    const node = at(labels["instance"] ?? "");
    node.last["fullest"] = value;
    node.pressure = Math.max(node.pressure, value / FULL[1]);
  }
  return [...found.values()];
}

function Level({ value, levels, text, meter }: { value: number | undefined; levels: [number, number] | undefined; text: string; meter?: boolean }) {
  const level = value === undefined || levels === undefined || value < levels[0] ? "" : value < levels[1] ? "warn" : "crit";
  return (
    <>
      <span class={level === "" ? "" : `${level} strong`}>{text}</span>
      {meter && value !== undefined && (
        <span class="meter" aria-hidden="true">
          <i class={level} style={{ width: `${Math.min(100, Math.max(2, value * 100))}%` }} />
        </span>
      )}
    </>
  );
}

export function NodeTable({ scope, data, fullest, start, end, step }: { scope: Scope; data: Record<string, MatrixSeries[]>; fullest: readonly Value[]; start: number; end: number; step: number }) {
  const rows = useMemo(() => nodes(data, fullest, start, end, step), [data, fullest, start, end, step]);
  const columns = useMemo((): Column<Node>[] => {
    const figure = (id: string, head: string, meter = false): Column<Node> => {
      const { unit, levels } = FIGURES.find((one) => one.id === id) ?? { unit: "ratio" as const, levels: FULL };
      return {
        id,
        head,
        right: true,
        by: (node) => node.last[id] ?? NaN,
        cell: (node) => {
          const value = node.last[id];
          return <Level value={value} levels={levels} text={value === undefined ? "–" : format(value, unit)} meter={meter} />;
        },
      };
    };
    return [
      { id: "pressure", head: "Node", by: (node) => -node.pressure, cell: (node) => <span class="med">{node.name}</span> },
      figure("cpu", "CPU", true),
      figure("load", "Load/core"),
      figure("memory", "Memory", true),
      figure("faults", "Faults"),
      figure("disk", "Disk busy", true),
      figure("queue", "Queue"),
      figure("fullest", "Fullest file system", true),
      figure("received", "Received"),
      figure("drops", "Drops"),
      { id: "spark", head: "CPU", right: true, cell: (node) => <Spark values={node.cpu} max={1} /> },
    ];
  }, []);
  if (rows.length === 0) return null;
  return (
    <section class="panel" aria-label="Nodes by pressure">
      <header>
        <h2>Nodes</h2>
        <span class="u">by pressure</span>
        <span class="r t3">a row leads to USE Method / Node</span>
      </header>
      <Table
        rows={rows}
        columns={columns}
        keyOf={(node) => node.name}
        label="Nodes"
        sort={{ id: "pressure", down: false }}
        onRow={(node) => go(link("dashboards", { d: "use-node", ...(scope.cluster === undefined ? {} : { "var-cluster": writeList([scope.cluster]) }), "var-instance": writeList([node.name]) }))}
      />
    </section>
  );
}
