// What panels ask, and their answers as tables and figures.

import type { LabelSet, MatrixSeries } from "../../api/types";
import { type Asked, withFallback } from "./fallback";
import type { Board, Panel, Query, Reducer } from "./model";
import { type Values, fill } from "./substitute";

/** What all panels of a dashboard have in common. */
export interface Scene {
  board: Board;
  values: Values;
  /** Names of metrics that there are, of those the dashboard knows. */
  present: ReadonlySet<string>;
  start: number;
  end: number;
  step: number;
}

/** A query as it is asked. */
export interface Ready extends Asked {
  query: Query;
}

export function ready(panel: Panel, scene: Scene): Ready[] {
  return panel.queries.map((query) => {
    const { expr, source } = withFallback(query.expr, scene.board.raw, scene.present);
    return { query, source, expr: fill(expr, scene.values) };
  });
}

/** An element: what it is, and how much. */
export interface Figure {
  labels: LabelSet;
  value: number;
}

/** One answer for each query. */
export type Figures = Figure[][];
export type Ranges = MatrixSeries[][];

/** One number of many. */
export function reduced(values: readonly number[], reducer: Reducer): number {
  const known = values.filter((value) => !Number.isNaN(value));
  if (reducer === "count") return known.length;
  if (known.length === 0) return NaN;
  switch (reducer) {
    case "last":
      return known[known.length - 1] ?? NaN;
    case "first":
      return known[0] ?? NaN;
    case "min":
      return known.reduce((a, b) => Math.min(a, b));
    case "max":
      return known.reduce((a, b) => Math.max(a, b));
    case "sum":
      return known.reduce((a, b) => a + b);
    case "mean":
      return known.reduce((a, b) => a + b) / known.length;
  }
}

/** `{{label}}` of a legend; `undefined` when it names nothing. */
export function legend(template: string | undefined, labels: LabelSet): string | undefined {
  if (template === undefined || template === "" || template === "__auto") return undefined;
  return template.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) => labels[name] ?? "");
}

/** A row of a table: labels, and a number for each query. */
export interface TableRow {
  key: string;
  labels: LabelSet;
  cells: (number | undefined)[];
}

/** Puts the answers side by side, by the labels that tell rows apart. */
export function rowsOf(figures: Figures, by: readonly string[] | undefined): TableRow[] {
  const rows = new Map<string, TableRow>();
  figures.forEach((elements, column) => {
    for (const { labels, value } of elements) {
      const own: LabelSet = by === undefined ? { ...labels } : Object.fromEntries(by.map((name) => [name, labels[name] ?? ""]));
      if (by === undefined) delete own["__name__"];
      const key = JSON.stringify(Object.entries(own).sort(([a], [b]) => (a < b ? -1 : 1)));
      const row = rows.get(key) ?? { key, labels: own, cells: new Array<number | undefined>(figures.length).fill(undefined) };
      row.cells[column] = value;
      rows.set(key, row);
    }
  });
  return [...rows.values()];
}
