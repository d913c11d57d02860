// When something was the matter, as bands over a chart's time; from which values on it is, as dashed bounds.

import type uPlot from "uplot";
import { token } from "./colours";
import { shorten } from "./ends";

export type Level = "warn" | "crit";

export interface Band {
  /** Seconds. */
  from: number;
  to: number;
  level: Level;
  /** What was the matter. */
  name: string;
}

export interface Bound {
  value: number;
  level: Level;
  /** It is the matter below the value rather than above it. */
  below?: boolean;
  /** The axis reaches it, however far off the lines are. */
  reach?: boolean;
}

const FILL: Record<Level, string> = { warn: "warn-fill", crit: "crit" };
/** Tint of what lies in a band, and of what lies beyond a bound. */
const TINT = { band: 0.09, bound: 0.05 };
/** Height of the strip at the top of a band, and least width of one, CSS pixels. */
const STRIP = 3;
const LEAST = 2;

/** One level at a time: what is critical hides a warning, and spans of one level that touch are one. */
export function merged(bands: readonly Band[]): Band[] {
  const of = (level: Level) => union(bands.filter((band) => band.level === level));
  const crit = of("crit");
  const warn = of("warn").flatMap((band) => without(band, crit));
  return [...warn, ...crit].sort((a, b) => a.from - b.from);
}

function union(bands: readonly Band[]): Band[] {
  const out: Band[] = [];
  for (const band of [...bands].sort((a, b) => a.from - b.from)) {
    const last = out[out.length - 1];
    if (last && band.from <= last.to) {
      last.to = Math.max(last.to, band.to);
      if (!last.name.split(", ").includes(band.name)) last.name = `${last.name}, ${band.name}`;
    } else out.push({ ...band });
  }
  return out;
}

/** What is left of a band beside others, which are in order. */
function without(band: Band, others: readonly Band[]): Band[] {
  const left: Band[] = [];
  let { from } = band;
  for (const other of others) {
    if (other.to <= from || other.from >= band.to) continue;
    if (other.from > from) left.push({ ...band, from, to: other.from });
    from = Math.max(from, other.to);
  }
  if (from < band.to) left.push({ ...band, from });
  return left;
}

/** More than these are not told of. */
const TOLD = 5;

/** Bands in words, for those who do not see them. */
export function inWords(bands: readonly Band[], clock: (time: number) => string): string {
  const told = bands.slice(0, TOLD).map(({ from, to, level, name }) => `${name} ${level === "crit" ? "fires" : "is pending"} ${clock(from)} to ${clock(to)}`);
  if (bands.length > TOLD) told.push(`${bands.length - TOLD} more`);
  return told.join(", ");
}

/** Draws bands, and the name of what was the matter where it began. */
export function drawBands(u: uPlot, bands: readonly Band[], font: string): void {
  if (bands.length === 0) return;
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const at = (time: number) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(time, "x", true)));
  ctx.save();
  ctx.font = font.replace("11px", `${11 * ratio}px`);
  ctx.textBaseline = "top";
  const fired = new Set(bands.flatMap(({ level, name }) => (level === "crit" ? name.split(", ") : [])));
  // As far as the last name reaches.
  let taken = bbox.left;
  let told = "";
  for (const { from, to, level, name } of bands) {
    const [left, right] = [at(from), at(to)];
    const width = Math.max(LEAST * ratio, right - left);
    ctx.fillStyle = token(FILL[level]);
    ctx.globalAlpha = TINT.band;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, bbox.top - STRIP * ratio, width, STRIP * ratio);
    // What was pending and then fired is told once.
    if (name !== told && !told.split(", ").includes(name)) taken = write(u, name, left, taken, name.split(", ").some((one) => fired.has(one)) ? "crit" : level);
    told = name;
  }
  ctx.restore();
}

/** Writes a name before a place, or behind it where there is more room. Gives the end of what is taken. */
function write(u: uPlot, name: string, left: number, taken: number, level: Level): number {
  const { ctx, bbox } = u;
  const gap = 5 * devicePixelRatio;
  const [before, behind] = [left - taken - 2 * gap, bbox.left + bbox.width - left - 2 * gap];
  const wanted = ctx.measureText(name).width;
  const first = before >= wanted || before >= behind;
  const room = first ? before : behind;
  const text = shorten(name, (part) => ctx.measureText(part).width <= room);
  if (text.length < Math.min(4, name.length)) return taken;
  ctx.fillStyle = token(level);
  ctx.textAlign = first ? "right" : "left";
  ctx.fillText(text, first ? left - gap : left + gap, bbox.top + 2 * devicePixelRatio);
  return first ? left : left + gap + ctx.measureText(text).width;
}

/** Draws bounds that lie within the chart, and tints what lies beyond them. */
export function drawBounds(u: uPlot, bounds: readonly Bound[]): void {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  for (const { value, level, below = false } of bounds) {
    const y = u.valToPos(value, "y", true);
    const [top, foot] = [bbox.top, bbox.top + bbox.height];
    if (!(y >= top && y <= foot)) continue;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = token(FILL[level]);
    ctx.globalAlpha = TINT.bound;
    if (below) ctx.fillRect(bbox.left, y, bbox.width, foot - y);
    else ctx.fillRect(bbox.left, top, bbox.width, y - top);
    ctx.globalAlpha = 1;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
}
