// A heatmap: buckets over time, the darker the more.

import { useMemo } from "preact/hooks";
import { toNumber } from "../../api/points";
import { format } from "../../format/numbers";
import { clockTime } from "../../format/time";
import { crosshair } from "../../charts/chart";
import { utc } from "../../state/settings";
import { type Ranges, type Ready, type Scene, legend } from "./data";
import type { Panel } from "./model";

/** As many columns are drawn. */
const COLUMNS = 120;
const ROWS_MAX = 60;
const HEIGHT = 160;

interface Grid {
  names: string[];
  cells: number[][];
  top: number;
}

/** Buckets as rows, the highest bound above; counters of buckets hold those below, too. */
export function gridOf(queries: readonly Ready[], data: Ranges, start: number, end: number): Grid {
  const query = queries[0]?.query;
  const series = (data[0] ?? []).map(({ metric, values = [] }) => {
    const cells = new Array<number>(COLUMNS).fill(0);
    for (const [time, text] of values) {
      const column = Math.min(COLUMNS - 1, Math.max(0, Math.floor(((time - start) / Math.max(1, end - start)) * COLUMNS)));
      const value = toNumber(text);
      if (Number.isFinite(value)) cells[column] = Math.max(cells[column] ?? 0, value);
    }
    const bound = metric["le"] === undefined ? undefined : toNumber(metric["le"]);
    return { name: metric["le"] ?? legend(query?.legend, metric) ?? Object.values(metric).join(" "), bound, cells };
  });
  const cumulative = series.length > 1 && series.every((one) => one.bound !== undefined);
  series.sort((a, b) => (a.bound ?? 0) - (b.bound ?? 0));
  const shown = series.slice(0, ROWS_MAX);
  const cells = shown.map(({ cells }, row) => (cumulative && row > 0 ? cells.map((value, i) => Math.max(0, value - (shown[row - 1]?.cells[i] ?? 0))) : cells));
  return { names: shown.map((one) => one.name), cells, top: Math.max(0, ...cells.flat()) };
}

export function Heatmap({ panel, scene, queries, data }: { panel: Panel; scene: Scene; queries: readonly Ready[]; data: Ranges }) {
  const grid = useMemo(() => gridOf(queries, data, scene.start, scene.end), [data]);
  const height = panel.height ?? HEIGHT;
  const rowHeight = height / Math.max(1, grid.names.length);
  const at = crosshair.value;
  const column = at === undefined ? undefined : Math.floor(((at - scene.start) / Math.max(1, scene.end - scene.start)) * COLUMNS);
  const most = column === undefined ? undefined : grid.cells.reduce((best, row, i) => ((row[column] ?? 0) > (grid.cells[best]?.[column] ?? 0) ? i : best), 0);
  return (
    <div class="dash-heat">
      <div class="t3 small">
        {column === undefined || most === undefined || at === undefined
          ? `darkest: ${format(grid.top, panel.unit)}`
          : `${clockTime(at, { utc: utc.value })}: most at ${grid.names[most] ?? ""}, ${format(grid.cells[most]?.[column] ?? 0, panel.unit)}`}
      </div>
      <svg
        viewBox={`0 0 ${COLUMNS} ${height}`}
        preserveAspectRatio="none"
        height={height}
        role="img"
        aria-label={`${panel.title}: ${grid.names.length} buckets, at most ${format(grid.top, panel.unit)}`}
        onMouseMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          crosshair.value = scene.start + ((event.clientX - box.left) / box.width) * (scene.end - scene.start);
        }}
        onMouseLeave={() => (crosshair.value = undefined)}
      >
        {grid.cells.map((row, i) =>
          row.map((value, x) =>
            value > 0 ? <rect key={`${i} ${x}`} x={x} width={1.02} y={height - (i + 1) * rowHeight} height={Math.max(1, rowHeight - 0.5)} fill="var(--s1)" opacity={0.12 + 0.88 * (value / (grid.top || 1))} /> : null,
          ),
        )}
      </svg>
      <div class="names t3 small">
        <span>{grid.names[0]}</span>
        <span>{grid.names.length > 1 && `to ${grid.names[grid.names.length - 1] ?? ""}, upwards`}</span>
      </div>
    </div>
  );
}
