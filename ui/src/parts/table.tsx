// Tables: real ones, sorted by their heads, of any length: only the rows in view are drawn.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

export interface Column<T> {
  id: string;
  head: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  /** What the column is sorted by; without it, it is not. */
  by?: (row: T) => number | string;
  /** Figures stand at the right. */
  right?: boolean;
  wrap?: boolean;
}

const ROW = 30;
/** Tables longer than this draw only what is in view. */
const VIRTUAL = 200;
const MARGIN = 20;

/** How many rows are drawn of a long table. */
const inView = () => Math.ceil(innerHeight / ROW) + 2 * MARGIN;

export function Table<T>({
  rows,
  columns,
  keyOf,
  label,
  sort,
  detail,
  onRow,
  selected,
}: {
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  /** For those who do not see it. */
  label: string;
  /** Column and direction at first; `undefined` keeps the order of `rows`. */
  sort?: { id: string; down: boolean };
  /** Below a row that is open. */
  detail?: (row: T) => ComponentChildren;
  /** With the command key, it is one more beside those chosen before. */
  onRow?: (row: T, more: boolean) => void;
  selected?: (row: T) => boolean;
}) {
  const [order, setOrder] = useState(sort);
  const [open, setOpen] = useState<string | undefined>();
  const body = useRef<HTMLTableSectionElement>(null);
  const [view, setView] = useState({ from: 0, to: inView() });
  const sorted = useMemo(() => {
    const by = columns.find((column) => column.id === order?.id)?.by;
    if (order === undefined || by === undefined) return rows;
    const sign = order.down ? -1 : 1;
    return rows
      .map((row) => [by(row), row] as const)
      .sort(([a], [b]) => (typeof a === "number" && typeof b === "number" ? compare(a, b) : String(a).localeCompare(String(b))) * sign)
      .map(([, row]) => row);
  }, [rows, columns, order]);
  const virtual = sorted.length > VIRTUAL;
  useEffect(() => {
    if (!virtual) return;
    const follow = () => {
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / ROW) - MARGIN);
      setView((before) => (before.from === first && before.to === first + inView() ? before : { from: first, to: first + inView() }));
    };
    follow();
    addEventListener("scroll", follow, { passive: true });
    addEventListener("resize", follow);
    return () => {
      removeEventListener("scroll", follow);
      removeEventListener("resize", follow);
    };
  }, [virtual, sorted.length]);
  const from = virtual ? Math.min(view.from, Math.max(0, sorted.length - 1)) : 0;
  const to = virtual ? Math.min(view.to, sorted.length) : sorted.length;
  /** Escape closes what is open below a row, and goes back to the row. */
  const onKey = (event: KeyboardEvent) => {
    moveAmongRows(event);
    if (event.key !== "Escape" || open === undefined || event.defaultPrevented) return;
    event.preventDefault();
    body.current?.querySelector<HTMLElement>("tr.open[data-row]")?.focus();
    setOpen(undefined);
  };
  const act = (row: T, event: MouseEvent | KeyboardEvent) => {
    if (detail) setOpen(open === keyOf(row) ? undefined : keyOf(row));
    onRow?.(row, event.metaKey || event.ctrlKey);
  };
  const acts = detail !== undefined || onRow !== undefined;
  return (
    <div class="scroll">
      <table aria-label={label} aria-rowcount={sorted.length}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.id} column={column} order={order} onOrder={setOrder} />
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKey}>
          {from > 0 && <tr aria-hidden="true" style={{ height: `${from * ROW}px` }} />}
          {sorted.slice(from, to).map((row, i) => {
            const key = keyOf(row);
            const isOpen = detail !== undefined && open === key;
            return [
              <tr
                key={key}
                data-row
                aria-rowindex={from + i + 1}
                tabIndex={acts ? 0 : undefined}
                class={`${acts ? "clickable" : ""}${isOpen ? " open" : ""}${selected?.(row) ? " selected" : ""}`}
                onClick={acts ? (event) => inLink(event) || act(row, event) : undefined}
                onKeyDown={acts ? (event) => event.key === "Enter" && event.target === event.currentTarget && act(row, event) : undefined}
              >
                {columns.map((column) => (
                  <td key={column.id} class={`${column.right ? "r" : ""}${column.wrap ? " wrap" : ""}`}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>,
              isOpen && (
                <tr key={`${key} detail`} class="open">
                  <td colSpan={columns.length} class="wrap">
                    {detail(row)}
                  </td>
                </tr>
              ),
            ];
          })}
          {to < sorted.length && <tr aria-hidden="true" style={{ height: `${(sorted.length - to) * ROW}px` }} />}
        </tbody>
      </table>
    </div>
  );
}

function compare(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  return Number.isNaN(b) ? 1 : a - b;
}

function inLink(event: MouseEvent): boolean {
  return (event.target as Element).closest("a, button") !== null;
}

/** `j` and `k`, or the arrows, go from row to row. */
function moveAmongRows(event: KeyboardEvent): void {
  const down = event.key === "j" || event.key === "ArrowDown";
  if (!down && event.key !== "k" && event.key !== "ArrowUp") return;
  const row = (event.target as Element).closest("tr[data-row]");
  // Within the details of a row keys mean what they mean there.
  if (row === null) return;
  event.preventDefault();
  let next = down ? row.nextElementSibling : row.previousElementSibling;
  while (next && !next.hasAttribute("data-row")) next = down ? next.nextElementSibling : next.previousElementSibling;
  if (next instanceof HTMLElement) next.focus();
}

function Head<T>({
  column,
  order,
  onOrder,
}: {
  column: Column<T>;
  order: { id: string; down: boolean } | undefined;
  onOrder: (order: { id: string; down: boolean }) => void;
}) {
  const current = order?.id === column.id ? order : undefined;
  const sort = current === undefined ? undefined : current.down ? "descending" : "ascending";
  return (
    <th class={column.right ? "r" : ""} aria-sort={sort} scope="col">
      {column.by === undefined ? (
        column.head
      ) : (
        <button type="button" onClick={() => onOrder({ id: column.id, down: current ? !current.down : column.right === true })}>
          {column.head}
          {current && (current.down ? " ↓" : " ↑")}
        </button>
      )}
    </th>
  );
}
