// Lines over time, their values at the crosshair in a legend.

import { useMemo, useState } from "preact/hooks";
import { useAlarms } from "../../charts/alarms";
import { Chart, type Drawn, crosshair } from "../../charts/chart";
import { COLOURED, stroke, token } from "../../charts/colours";
import { type Line, figures, lastOf, toLines } from "../../charts/series";
import { type Unit, count, format } from "../../format/numbers";
import { type Column, Table } from "../../parts/table";
import { dark } from "../../state/settings";
import { boundsOfSteps } from "./bounds";
import type { Places } from "./colouring";
import { type Ranges, type Ready, type Scene, legend } from "./data";
import type { Panel } from "./model";
import { overrideOf, renamed } from "./overrides";
import { fillText } from "./substitute";

/** More lines than this are not drawn. */
const DRAWN_MAX = 1000;
const HEIGHT = 150;

interface Named extends Line {
  key: string;
  unit: Unit;
  limit: boolean;
  colour: string;
  dash: number[] | undefined;
  context: boolean;
  /** NaN without any. */
  last: number;
}

/** Those that have no value come last. */
const weight = (last: number | undefined) => (last === undefined || Number.isNaN(last) ? -Infinity : last);

function named(panel: Panel, scene: Scene, queries: readonly Ready[], data: Ranges, places: Places): { times: number[]; all: Named[] } {
  let times: number[] = [];
  const lines = data.flatMap((series, i) => {
    const query = queries[i]?.query;
    const placed = toLines(series, scene.start, scene.end, scene.step);
    times = placed.times;
    return placed.lines.flatMap((line, at) => {
      const name = renamed(panel, legend(query?.legend && fillText(query.legend, scene.values), line.labels) ?? line.name);
      const override = overrideOf(panel, name, query?.id);
      const last = lastOf(line.values);
      // A bound that is not set is no line.
      if (override.hidden || (query?.limit && Number.isNaN(last))) return [];
      return [{ ...line, name: override.title ?? name, key: `${i} ${at}`, unit: override.unit ?? query?.unit ?? panel.unit, limit: query?.limit === true, last }];
    });
  });
  const order = lines.map((_, i) => i).sort((a, b) => weight(lines[b]?.last) - weight(lines[a]?.last));
  const rank = new Map(order.map((line, place) => [line, place]));
  const single = data.length === 1;
  const all = lines.map((line, i): Named => {
    const context = (rank.get(i) ?? 0) >= COLOURED;
    if (line.limit) return { ...line, context: false, colour: token("text-3"), dash: [6, 3] };
    const { colour, dash } = stroke(places.of(single ? line.labels : { ...line.labels, legend: line.name }, line.name));
    return { ...line, context, colour: context ? token("ctx") : colour, dash: context ? undefined : dash };
  });
  return { times, all };
}

export function TimeSeries({ panel, scene, queries, data, places, table }: { panel: Panel; scene: Scene; queries: readonly Ready[]; data: Ranges; places: Places; table: boolean }) {
  const { times, all } = useMemo(() => named(panel, scene, queries, data, places), [data, dark.value]);
  const [alone, setAlone] = useState<ReadonlySet<string>>(new Set());
  const units = useMemo(() => [...new Set(all.map((line) => line.unit))], [all]);
  const groups = useMemo(
    () =>
      units.map((unit) => {
        const shown = all.filter((line) => line.unit === unit && (alone.size === 0 || alone.has(line.key))).slice(0, DRAWN_MAX);
        const drawn = shown.map((line): Drawn => ({ name: line.name, values: line.values, colour: line.colour, dash: line.dash, context: line.context, apart: line.limit }));
        // Context lies behind; bounds come after the stack.
        return { unit, drawn: drawn.sort((a, b) => Number(b.context) - Number(a.context) || Number(a.apart) - Number(b.apart)) };
      }),
    [all, alone, units],
  );
  const sets = useMemo(() => all.map((line) => line.labels), [all]);
  const alarms = useAlarms(queries.map(({ expr }) => expr), sets, scene.start, scene.end, scene.step);
  const limits = useMemo(() => (panel.bounded ? [...boundsOfSteps(panel.thresholds ?? []), ...alarms.limits] : alarms.limits), [panel, alarms]);
  const toggle = (key: string, more: boolean) => {
    const next = new Set(more ? alone : []);
    if (alone.has(key)) next.delete(key);
    else next.add(key);
    setAlone(next);
  };
  if (table) return <Lines all={all} panel={panel} />;
  const height = panel.height ?? HEIGHT;
  return (
    <div class="lines">
      <Legend all={all} times={times} alone={alone} onToggle={toggle} />
      {all.length > DRAWN_MAX && (
        <div class="t3 small">
          {count(DRAWN_MAX)} of {count(all.length)} drawn
        </div>
      )}
      {groups.map(({ unit, drawn }) => (
        <Chart
          key={unit}
          times={times}
          drawn={drawn}
          unit={unit}
          height={height}
          label={`${panel.title}: ${all.length} lines${all[0] === undefined || Number.isNaN(all[0].last) ? "" : `, ${all[0].name} ${format(all[0].last, all[0].unit)}`}`}
          form={panel.points ? "points" : panel.stacked && unit !== "ratio" && unit !== "percent" ? "stacked" : "lines"}
          scale={panel.log ? "log" : "zero"}
          bands={alarms.bands}
          limits={limits}
          {...(panel.max === undefined ? {} : { max: panel.max })}
        />
      ))}
    </div>
  );
}

/** Names with their values at the crosshair, or the last ones. */
function Legend({ all, times, alone, onToggle }: { all: readonly Named[]; times: readonly number[]; alone: ReadonlySet<string>; onToggle: (key: string, more: boolean) => void }) {
  const time = crosshair.value;
  const step = (times[1] ?? 1) - (times[0] ?? 0);
  const index = time === undefined ? undefined : Math.round((time - (times[0] ?? 0)) / (step || 1));
  const shown = all.filter((line) => !line.context).slice(0, COLOURED);
  return (
    <div class="legend" tabIndex={shown.length > 6 ? 0 : undefined} role="group" aria-label="Lines">
      {shown.map((line) => {
        const value = index === undefined ? line.last : (line.values[index] ?? NaN);
        return (
          <button
            key={line.key}
            type="button"
            class={alone.size > 0 && !alone.has(line.key) ? "off" : ""}
            aria-pressed={alone.has(line.key)}
            onClick={(event) => onToggle(line.key, event.metaKey || event.ctrlKey)}
          >
            <i class="swatch" style={{ background: line.colour }} />
            <span class="name" title={line.name}>
              {line.name}
            </span>
            <b>{Number.isNaN(value) ? "–" : format(value, line.unit)}</b>
          </button>
        );
      })}
      {all.length > shown.length && <span class="t3">{count(all.length - shown.length)} more in grey</span>}
    </div>
  );
}

/** The same as figures, for those who do not see the chart. */
function Lines({ all, panel }: { all: readonly Named[]; panel: Panel }) {
  const rows = useMemo(() => all.map((line) => ({ ...line, ...figures(line.values), now: Number.isNaN(line.last) ? null : line.last })), [all]);
  type Line = (typeof rows)[number];
  const number = (id: "now" | "min" | "mean" | "max", head: string): Column<Line> => ({
    id,
    head,
    right: true,
    by: (row) => row[id] ?? NaN,
    cell: (row) => (row[id] === null ? "–" : format(row[id] ?? NaN, row.unit)),
  });
  const columns: Column<Line>[] = [
    { id: "name", head: "line", by: (row) => row.name, cell: (row) => row.name },
    number("now", "last"),
    number("min", "min"),
    number("mean", "mean"),
    number("max", "max"),
  ];
  return <Table rows={rows} columns={columns} keyOf={(row) => row.key} label={panel.title} sort={{ id: "now", down: true }} />;
}
