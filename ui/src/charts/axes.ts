// Axes of a chart: how far they reach, and what stands at their marks.

import type uPlot from "uplot";
import { type Unit, format } from "../format/numbers";
import { valueTicks } from "../format/ticks";
import { clockTime, dayMonth, hourMinute } from "../format/time";
import type { Values } from "./series";

export type Scale = "zero" | "fit" | "log";

/** How many marks an axis of this height has, about. */
export const marks = (height: number) => Math.max(2, height / 44);

/** The least and the greatest value of lines, of the positive ones where only these have a place; `null` without any. */
export function extent(lines: readonly Values[], positive: boolean): [number | null, number | null] {
  let [low, high] = [Infinity, -Infinity];
  for (const values of lines) {
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] as number;
      if (positive && value <= 0) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low === Infinity ? [null, null] : [low, high];
}

/** Where an axis begins and ends, for values between two bounds. `max` is reached at least. */
export function bounds(low: number | null, high: number | null, scale: Scale, max: number | undefined, unit: Unit, height: number): [number, number] {
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

/** Marks of an axis of powers; between them there are lines without any. */
export function logValues(splits: readonly (number | null)[], unit: Unit): string[] {
  return splits.map((value) => (value === null ? "" : format(value, unit)));
}

/** A mark of the time axis of a window of `span` seconds. */
export function axisTime(time: number, span: number, clock: { utc: boolean }): string {
  if (span <= 300) return clockTime(time, clock);
  const minute = hourMinute(time, clock);
  if (span > 86_400 * 5) return dayMonth(time, clock);
  return minute === "00:00" && span > 3600 ? dayMonth(time, clock) : minute;
}

/** Width of a text, CSS pixels. */
export function measure(u: uPlot, text: string, font: string): number {
  u.ctx.save();
  u.ctx.font = font;
  const { width } = u.ctx.measureText(text);
  u.ctx.restore();
  return width;
}
