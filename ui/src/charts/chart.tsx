// A chart over time: uPlot draws, we give it axes with units, one crosshair for the page, and values in the head or a tip.

import { effect, signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Unit, format } from "../format/numbers";
import { clockTime, dayMonth, fullTime, hourMinute } from "../format/time";
import { timeTicks, valueTicks } from "../format/ticks";
import { setWindow } from "../state/range";
import { dark, utc } from "../state/settings";
import { token } from "./colours";
import { type Dot, dotAt, drawDots } from "./dots";

/** The time that the pointer is at, seconds; all charts of a page show it. */
export const crosshair = signal<number | undefined>(undefined);

export interface Drawn {
  name: string;
  values: (number | null)[];
  colour: string;
  dash?: number[] | undefined;
  /** Grey context, behind the others. */
  context?: boolean;
  /** A bound, beside a stack of the others; it comes after them. */
  apart?: boolean;
  width?: number;
}

export interface ChartProps {
  times: number[];
  drawn: Drawn[];
  unit: Unit;
  height: number;
  /** For those who do not see it. */
  label: string;
  /** What is drawn: lines, areas one on the other, points. */
  form?: "lines" | "stacked" | "points";
  scale?: "zero" | "fit" | "log";
  /** At least up to here. */
  max?: number;
  /** A tip at the pointer; without it whoever owns the chart shows the values. */
  tip?: boolean;
  /** Names behind the ends of the lines. */
  ends?: boolean;
  xAxis?: boolean;
  /** Single points over the lines. */
  dots?: readonly Dot[] | undefined;
  /** Which of them stands out. */
  dot?: number | undefined;
  onDot?: (index: number) => void;
}

const NO_DOTS: readonly Dot[] = [];

const TIP_ROWS = 12;
/** Room for the names behind the ends, pixels. */
const ENDS = 84;

/** Sums up, so that each line begins where the one before ends. */
function stack(drawn: readonly Drawn[]): (number | null)[][] {
  const sums: number[] = [];
  return drawn.map((line) =>
    line.apart
      ? line.values
      : line.values.map((value, i) => {
          sums[i] = (sums[i] ?? 0) + (value ?? 0);
          return sums[i] ?? 0;
        }),
  );
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<{ index: number; left: number; top: number } | undefined>();
  const { times, drawn, unit, height, form = "lines", scale = "zero", max, ends, xAxis = true, dots = NO_DOTS } = props;
  // What a drawn chart asks for when it is drawn or clicked.
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const clock = { utc: utc.value };
    const text = token("text-3");
    const font = '11px "Inter Variable", system-ui, sans-serif';
    const stacked = form === "stacked";
    const data = (stacked ? stack(drawn) : drawn.map((line) => line.values)).map((values) => values as (number | null | undefined)[]);
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      // Half of the last time stands beyond the end.
      padding: [10, ends ? ENDS : xAxis ? 18 : 8, xAxis ? 0 : 6, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 6 },
        drag: { x: true, y: false, setScale: false },
      },
      scales: {
        x: { time: false, range: () => [times[0] ?? 0, times[times.length - 1] ?? 1] },
        y: {
          ...(scale === "log" ? { distr: 3 as const } : {}),
          range: (_, low, high) => bounds(...withDots(low, high, dots), scale, max, unit, height),
        },
      },
      axes: [
        {
          show: xAxis,
          size: 22,
          gap: 4,
          font,
          stroke: text,
          grid: { show: false },
          ticks: { stroke: token("zero"), size: 4 },
          splits: (u) => timeTicks(u.scales["x"]?.min ?? 0, u.scales["x"]?.max ?? 1, Math.max(2, u.bbox.width / devicePixelRatio / 90), utc.value ? 0 : -new Date().getTimezoneOffset() * 60),
          values: (u, splits) => splits.map((time) => axisTime(time, (u.scales["x"]?.max ?? 1) - (u.scales["x"]?.min ?? 0), clock)),
        },
        {
          size: (u, values) => Math.max(40, ...(values ?? []).map((value) => measure(u, value, font) + 12)),
          gap: 4,
          font,
          stroke: text,
          grid: { stroke: token("grid"), width: 1 },
          ticks: { show: false },
          ...(scale === "log"
            ? {}
            : { splits: (u: uPlot) => valueTicks(u.scales["y"]?.min ?? 0, u.scales["y"]?.max ?? 1, marks(height), unit === "bytes") }),
          values: (_, splits) => axisValues(splits, unit),
        },
      ],
      series: [
        {},
        ...drawn.map((line): uPlot.Series => {
          const points = form === "points";
          return {
            label: line.name,
            stroke: line.colour,
            width: points ? 0 : (line.width ?? (line.context ? 1 : 1.5)),
            ...(line.dash ? { dash: line.dash } : {}),
            ...(stacked && !line.apart ? { fill: `${line.colour}b0` } : {}),
            spanGaps: false,
            // A lone point between gaps would have no line: it is a dot.
            points: points ? { show: true, size: 4, fill: line.colour } : { size: 4, fill: line.colour, filter: lone },
          };
        }),
      ],
      ...(stacked ? { bands: drawn.slice(1).filter((line) => !line.apart).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) } : {}),
      hooks: {
        setCursor: [
          (u) => {
            const index = u.cursor.idx;
            if (index == null || (u.cursor.left ?? -1) < 0) {
              setAt(undefined);
              if (u.root.matches(":hover")) crosshair.value = undefined;
              return;
            }
            setAt({ index, left: u.cursor.left ?? 0, top: u.cursor.top ?? 0 });
            if (u.root.matches(":hover")) crosshair.value = times[index];
          },
        ],
        setSelect: [
          (u) => {
            if (u.select.width < 6) return;
            const [from, to] = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            setWindow(Math.floor(from), Math.ceil(to));
          },
        ],
        draw: [
          (u) => ends && drawEnds(u, drawn, data, token("text-2"), font),
          (u) => dots.length > 0 && drawDots(u, dots, latest.current.dot),
        ],
      },
    };
    const created = new uPlot(options, [times, ...data] as uPlot.AlignedData, element);
    plot.current = created;
    created.over.addEventListener("click", () => {
      const clicked = dotAt(created, dots, created.cursor.left ?? -1, created.cursor.top ?? -1);
      if (clicked !== undefined) latest.current.onDot?.(clicked);
    });
    const resize = new ResizeObserver(() => created.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    const follow = effect(() => {
      const time = crosshair.value;
      if (created.root.matches(":hover")) return;
      created.setCursor({ left: time === undefined ? -10 : created.valToPos(time, "x"), top: 10 }, false);
    });
    return () => {
      follow();
      resize.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [times, drawn, unit, height, form, scale, max, ends, xAxis, dots, dark.value, utc.value]);
  useEffect(() => plot.current?.redraw(false), [props.dot]);
  return (
    <div class="chart" role="img" aria-label={props.label}>
      <div ref={host} />
      {props.tip && at && <Tip {...props} {...at} width={host.current?.clientWidth ?? 0} />}
    </div>
  );
}

/** Points that have no neighbour: uPlot would draw nothing. */
function lone(u: uPlot, seriesIndex: number, _show: boolean, gaps?: null | number[][]): number[] | null {
  void gaps;
  const values = u.data[seriesIndex] ?? [];
  const found: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  }
  return found.length === 0 ? null : found;
}

/** The bounds of the lines and of the dots among them. */
function withDots(low: number | null, high: number | null, dots: readonly Dot[]): [number | null, number | null] {
  const values = dots.flatMap(({ value }) => (value === undefined ? [] : [value]));
  if (values.length === 0) return [low, high];
  return [Math.min(low ?? Infinity, ...values), Math.max(high ?? -Infinity, ...values)];
}

/** How many marks an axis of this height has, about. */
const marks = (height: number) => Math.max(2, height / 44);

function bounds(low: number | null, high: number | null, scale: string, max: number | undefined, unit: Unit, height: number): [number, number] {
  let from = low ?? 0;
  let to = high ?? 1;
  if (scale === "zero") {
    from = Math.min(0, from);
    to = Math.max(0, to);
  }
  if (max !== undefined) to = Math.max(to, max);
  if (from === to) to = from + (from === 0 ? 1 : Math.abs(from) * 0.1);
  if (scale === "log") return [from > 0 ? from * 0.9 : to / 1e6 || 0.001, to * 1.1];
  if (scale === "fit") {
    const room = (to - from) * 0.05;
    return [from - room, to + room];
  }
  // The axis ends with a mark, so that its unit stands there.
  const whole = max !== undefined && to === max;
  // A longer axis may have wider steps.
  for (let i = 0; i < 3; i += 1) {
    const at = valueTicks(from, to, marks(height), unit === "bytes");
    const step = at.length > 1 ? (at[1] ?? 0) - (at[0] ?? 0) : to - from;
    if (from !== 0) from = Math.floor(from / step + 1e-9) * step;
    if (!whole) to = Math.ceil(to / step - 1e-9) * step;
  }
  return [from, to];
}

/** The unit stands at the topmost mark only. */
export function axisValues(splits: readonly number[], unit: Unit): string[] {
  const top = splits.length - 1;
  const step = top > 0 ? ((splits[top] ?? 0) - (splits[0] ?? 0)) / top : 0;
  const full = splits.map((value) => format(value, unit, step));
  const unitOf = (text: string) => text.replace(/^[-\d.]+/, "");
  const same = full.every((text, i) => splits[i] === 0 || unitOf(text) === unitOf(full[top] ?? ""));
  return full.map((text, i) => (i === top || (!same && splits[i] !== 0) ? text : text.replace(/[^-\d.].*$/, "")));
}

function axisTime(time: number, span: number, clock: { utc: boolean }): string {
  if (span <= 300) return clockTime(time, clock);
  const minute = hourMinute(time, clock);
  if (span > 86_400 * 5) return dayMonth(time, clock);
  return minute === "00:00" && span > 3600 ? dayMonth(time, clock) : minute;
}

function measure(u: uPlot, text: string, font: string): number {
  u.ctx.save();
  u.ctx.font = font;
  const { width } = u.ctx.measureText(text);
  u.ctx.restore();
  return width;
}

/** Names of the coloured lines behind their ends, never one upon another. */
function drawEnds(u: uPlot, drawn: readonly Drawn[], data: (number | null | undefined)[][], colour: string, font: string): void {
  const ratio = devicePixelRatio;
  const ends = drawn.flatMap((line, i) => {
    const values = data[i] ?? [];
    let last = values.length - 1;
    while (last >= 0 && values[last] == null) last -= 1;
    const value = values[last];
    return line.context || value == null ? [] : [{ line, y: u.valToPos(value, "y", true) }];
  });
  ends.sort((a, b) => a.y - b.y);
  for (let i = 1; i < ends.length; i += 1) {
    const [above, below] = [ends[i - 1], ends[i]];
    if (above && below && below.y - above.y < 12 * ratio) below.y = above.y + 12 * ratio;
  }
  // Names that would lie below the plot go up again.
  let lowest = u.bbox.top + u.bbox.height;
  for (const end of ends.toReversed()) {
    end.y = Math.min(end.y, lowest);
    lowest = end.y - 12 * ratio;
  }
  const { ctx } = u;
  ctx.save();
  ctx.font = font.replace("11px", `500 ${11 * ratio}px`);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const x = u.bbox.left + u.bbox.width;
  for (const { line, y } of ends) {
    ctx.fillStyle = line.colour;
    ctx.fillRect(x + 5 * ratio, y - ratio, 9 * ratio, 2.5 * ratio);
    ctx.fillStyle = colour;
    ctx.fillText(shorten(line.name, (text) => ctx.measureText(text).width <= (ENDS - 20) * ratio), x + 18 * ratio, y);
  }
  ctx.restore();
}

/** As much of the name as fits. */
function shorten(name: string, fits: (text: string) => boolean): string {
  if (fits(name)) return name;
  let left = name.length - 1;
  while (left > 1 && !fits(`${name.slice(0, left)}…`)) left -= 1;
  return `${name.slice(0, left)}…`;
}

/** All values at the pointer's time, the largest first; the line next to the pointer stands out. */
function Tip({ times, drawn, unit, index, left, top, width, height }: ChartProps & { index: number; left: number; top: number; width: number }) {
  const values = drawn
    .map((line) => ({ line, value: line.values[index] }))
    .filter((entry): entry is { line: Drawn; value: number } => entry.value != null)
    .sort((a, b) => b.value - a.value);
  if (values.length === 0) return null;
  const side = left > width / 2 ? { right: `${width - left + 16 - 40}px` } : { left: `${left + 64}px` };
  return (
    <div class="popover tip" style={{ ...side, top: `${Math.min(top, Math.max(0, height - 120))}px` }}>
      <h4>{fullTime(times[index] ?? 0, { utc: utc.value })}</h4>
      {values.slice(0, TIP_ROWS).map(({ line, value }) => (
        <div key={line.name}>
          <span>
            <i class="swatch" style={{ background: line.colour }} />
            {line.name}
          </span>
          <span>{format(value, unit)}</span>
        </div>
      ))}
      {values.length > TIP_ROWS && <div class="t3">{values.length - TIP_ROWS} more</div>}
    </div>
  );
}
