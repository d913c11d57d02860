// Answers side by side, a row for each label set.

import { useMemo } from "preact/hooks";
import { type Unit, format } from "../../format/numbers";
import { type Column, Table } from "../../parts/table";
import { link, place } from "../../state/url";
import { writeList } from "../../state/list";
import { type Figures, type Ready, type Scene, type TableRow, rowsOf } from "./data";
import { type Panel, type Step, levelOf } from "./model";
import { overrideOf } from "./overrides";
import { type Field, framesOf, transformed } from "./transform";

interface Props {
  panel: Panel;
  scene: Scene;
  queries: readonly Ready[];
  data: Figures;
}

const HEADS: Record<string, string> = { persistentvolumeclaim: "volume", workload_type: "type" };

export function TablePanel(props: Props) {
  return props.panel.by === undefined ? <FreeTable {...props} /> : <KnownTable {...props} />;
}

function cell(value: number | undefined, unit: Unit, steps: readonly Step[] | undefined) {
  if (value === undefined || Number.isNaN(value)) return <span class="t3">–</span>;
  const level = levelOf(value, steps);
  return <span class={level === "warn" || level === "crit" ? level : undefined}>{format(value, unit)}</span>;
}

function KnownTable({ panel, queries, data }: Props) {
  const rows = useMemo(() => rowsOf(data, panel.by), [data]);
  const columns = useMemo((): Column<TableRow>[] => {
    const labels = (panel.by ?? []).map((name, i): Column<TableRow> => ({
      id: name,
      head: HEADS[name] ?? name,
      by: (row) => row.labels[name] ?? "",
      cell: (row) => (i === 0 || panel.pick === undefined ? row.labels[name] : <a href={picked(panel, row)}>{row.labels[name]}</a>),
    }));
    const numbers = queries.map(({ query }, i): Column<TableRow> => {
      const unit = query.unit ?? panel.unit;
      return {
        id: String(i),
        head: query.legend ?? "",
        right: true,
        by: (row) => row.cells[i] ?? NaN,
        cell: (row) => cell(row.cells[i], unit, unit === "ratio" ? panel.thresholds : undefined),
      };
    });
    return [...labels, ...numbers];
  }, [queries, panel]);
  return <Table rows={rows} columns={columns} keyOf={(row) => row.key} label={panel.title} sort={{ id: panel.pick ? "0" : (panel.by?.[0] ?? ""), down: panel.pick !== undefined }} />;
}

/** The same dashboard for what the row is about. */
function picked(panel: Panel, row: TableRow): string {
  const params = new URLSearchParams(place.value.params);
  for (const [variable, label] of Object.entries(panel.pick ?? {})) params.set(`var-${variable}`, writeList([row.labels[label] ?? ""]));
  return link("dashboards", params);
}

interface FreeRow {
  key: string;
  cells: (string | number | null)[];
}

/** A table as Grafana has it: fields, changed by transformations. */
function FreeTable({ panel, scene, queries, data }: Props) {
  const fields = useMemo(() => transformed(framesOf(queries, data, scene.end), panel.transformations ?? []), [data, panel]);
  const shown = fields.flatMap((field) => {
    const override = overrideOf(panel, field.name, field.query);
    return override.hidden ? [] : [{ field, override }];
  });
  const length = Math.max(0, ...fields.map((field) => field.values.length));
  const rows = Array.from({ length }, (_, i): FreeRow => ({ key: String(i), cells: shown.map(({ field }) => field.values[i] ?? null) }));
  const columns = shown.map(({ field, override }, i): Column<FreeRow> => {
    const unit = override.unit ?? (field.time ? "time" : panel.unit);
    const number = isNumber(field);
    return {
      id: String(i),
      head: override.title ?? field.name,
      right: number,
      by: (row) => row.cells[i] ?? (number ? NaN : ""),
      cell: (row) => {
        const value = row.cells[i];
        return typeof value === "number" ? cell(value, unit, override.thresholds ?? panel.thresholds) : value;
      },
    };
  });
  return <Table rows={rows} columns={columns} keyOf={(row) => row.key} label={panel.title} />;
}

function isNumber(field: Field): boolean {
  return field.values.some((value) => typeof value === "number");
}
