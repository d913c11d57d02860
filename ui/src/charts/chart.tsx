// A chart over time: uPlot draws, we give it axes with units, one crosshair for the page, and values in the head or a tip.

import { effect, signal } from "@preact/signals";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Unit } from "../format/numbers";
import { hourMinute } from "../format/time";
import { timeTicks, valueTicks } from "../format/ticks";
import { setWindow } from "../state/range";
import { dark, utc } from "../state/settings";
import { type Scale, axisTime, axisValues, bounds, extent, logValues, marks, measure } from "./axes";
import { type Band, type Bound, drawBands, drawBounds, inWords } from "./bands";
import { token } from "./colours";
import { contextPainter } from "./context";
import { type Dot, dotAt, drawDots } from "./dots";
import { ENDS, drawEnds } from "./ends";
import { type Values, lastOf } from "./series";
import { type Foreground, foreground } from "./stack";
import { type Pointer, Tip } from "./tip";

/** The time that the pointer is at, seconds; all charts of a page show it. */
export const crosshair = signal<number | undefined>(undefined);

export interface Drawn {
  name: string;
  values: Values;
  colour: string;
  dash?: number[] | undefined;
  /** Grey context, behind the others; all of it has one colour. */
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
  scale?: Scale;
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
  /** When something was the matter. */
  bands?: readonly Band[] | undefined;
  /** From which values on something is the matter. */
  limits?: readonly Bound[] | undefined;
}

const NO_DOTS: readonly Dot[] = [];
const FONT = '11px "Inter Variable", system-ui, sans-serif';

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<Pointer | undefined>();
  const { times, drawn, unit, height, form = "lines", scale = "zero", max, ends, xAxis = true, dots = NO_DOTS } = props;
  // What a drawn chart asks for when it is drawn or clicked.
  const latest = useRef(props);
  latest.current = props;
  useLayoutEffect(() => {
    const element = host.current;
    if (element === null) return;
    const front = foreground(drawn, form === "stacked");
    const created = new uPlot(optionsOf({ ...props, form, scale, xAxis, dots }, front, element.clientWidth, latest, setAt), [times, ...front.data], element);
    plot.current = created;
    created.over.addEventListener("click", () => {
      const clicked = dotAt(created, dots, created.cursor.left ?? -1, created.cursor.top ?? -1);
      if (clicked !== undefined) latest.current.onDot?.(clicked);
    });
    const resize = new ResizeObserver(() => {
      if (element.clientWidth !== created.width) created.setSize({ width: element.clientWidth, height });
    });
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
  // What lies over the lines may change without them.
  const drawnFor = useRef<uPlot | null>(null);
  useLayoutEffect(() => {
    if (drawnFor.current === plot.current) plot.current?.redraw(false, true);
    drawnFor.current = plot.current;
  }, [props.dot, props.bands, props.limits]);
  const alerts = inWords(props.bands ?? [], (time) => hourMinute(time, { utc: utc.value }));
  return (
    <div class="chart" role="img" aria-label={alerts === "" ? props.label : `${props.label}; ${alerts}`}>
      <div ref={host} />
      {props.tip && at && <Tip times={times} drawn={drawn} unit={unit} height={height} {...at} width={host.current?.clientWidth ?? 0} />}
    </div>
  );
}

type Shape = ChartProps & Required<Pick<ChartProps, "form" | "scale" | "xAxis">> & { dots: readonly Dot[] };

function optionsOf(shape: Shape, front: Foreground, width: number, latest: { current: ChartProps }, setAt: (at: Pointer | undefined) => void): uPlot.Options {
  const { times, unit, height, form, scale, max, ends, xAxis, dots } = shape;
  const clock = { utc: utc.value };
  const text = token("text-3");
  const behind = extent(front.behind.map(({ values }) => values), scale === "log");
  const paintContext = contextPainter(front.behind, form === "points");
  return {
    width,
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
        range: (_, low, high) => bounds(...wider([low, high], behind, ofDots(dots), reached(latest.current.limits ?? [])), scale, max, unit, height),
      },
    },
    axes: [
      {
        show: xAxis,
        size: 22,
        gap: 4,
        font: FONT,
        stroke: text,
        grid: { show: false },
        ticks: { stroke: token("zero"), size: 4 },
        splits: (u) => timeTicks(u.scales["x"]?.min ?? 0, u.scales["x"]?.max ?? 1, Math.max(2, u.bbox.width / devicePixelRatio / 90), utc.value ? 0 : -new Date().getTimezoneOffset() * 60),
        values: (u, splits) => splits.map((time) => axisTime(time, (u.scales["x"]?.max ?? 1) - (u.scales["x"]?.min ?? 0), clock)),
      },
      {
        size: (u, values) => Math.max(40, ...(values ?? []).map((value) => measure(u, value, FONT) + 12)),
        gap: 4,
        font: FONT,
        stroke: text,
        grid: { stroke: token("grid"), width: 1 },
        ticks: { show: false },
        ...(scale === "log" ? {} : { splits: (u: uPlot) => valueTicks(u.scales["y"]?.min ?? 0, u.scales["y"]?.max ?? 1, marks(height), unit === "bytes") }),
        values: (_, splits) => (scale === "log" ? logValues(splits, unit) : axisValues(splits, unit)),
      },
    ],
    series: [
      {},
      ...front.lines.map((line): uPlot.Series => {
        const points = form === "points";
        return {
          label: line.name,
          stroke: line.colour,
          width: points ? 0 : (line.width ?? (line.context ? 1 : 1.5)),
          ...(line.dash ? { dash: line.dash } : {}),
          ...(front.stacked && !line.apart ? { fill: `${line.colour}b0` } : {}),
          spanGaps: false,
          // A lone point between gaps would have no line: it is a dot.
          points: points ? { show: true, size: 4, fill: line.colour } : { size: 4, fill: line.colour, filter: lone },
        };
      }),
    ],
    ...(front.stacked ? { bands: front.lines.slice(1).filter((line) => !line.apart).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) } : {}),
    hooks: {
      setCursor: [
        (u) => {
          const index = u.cursor.idx;
          const { left = -1, top = 0 } = u.cursor;
          if (index == null || left < 0) {
            setAt(undefined);
            if (u.root.matches(":hover")) crosshair.value = undefined;
            return;
          }
          setAt({ index, left, top, value: front.stacked ? NaN : u.posToVal(top, "y") });
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
      drawAxes: [(u) => drawBands(u, latest.current.bands ?? [], FONT), paintContext, (u) => drawBounds(u, latest.current.limits ?? [])],
      draw: [
        (u) => ends && drawEnds(u, front.lines, front.drawn.map(lastOf), token("text-2"), FONT),
        (u) => dots.length > 0 && drawDots(u, dots, latest.current.dot),
      ],
    },
  };
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

type Extent = readonly [number | null, number | null];

function ofDots(dots: readonly Dot[]): Extent {
  return extent([Float64Array.from(dots, ({ value }) => value ?? NaN)], false);
}

function reached(limits: readonly Bound[]): Extent {
  return extent([Float64Array.from(limits, ({ value, reach }) => (reach && Number.isFinite(value) ? value : NaN))], false);
}

/** From the least to the greatest of several. */
function wider(...all: Extent[]): [number | null, number | null] {
  const lows = all.flatMap(([low]) => (low === null ? [] : [low]));
  const highs = all.flatMap(([, high]) => (high === null ? [] : [high]));
  return [lows.length === 0 ? null : Math.min(...lows), highs.length === 0 ? null : Math.max(...highs)];
}
