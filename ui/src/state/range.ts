// The window of time that a page looks at, and how often it looks anew. In the address: `range=2h`, `end=…`.

import { computed, effect, signal } from "@preact/signals";
import { parseDuration, parseTime, printDuration } from "../format/time";
import { ahead, present } from "./clock";
import { place, setParams } from "./url";
import { defaultRange } from "./young";

/** Seconds since the epoch, by the server's clock. */
export const now = signal(present());

/** Distances between looks, seconds; 0 is never. */
export const EVERY = [0, 5, 15, 30, 60, 300] as const;

/** Counts looks: what depends on it is asked anew. */
export const look = signal(0);
/** The end of the window when it is fixed; otherwise it goes along with the clock. */
export const fixedEnd = computed(() => {
  const text = place.value.params.get("end");
  return text === null ? undefined : parseTime(text, now.peek());
});
/** When the first of all samples was taken, seconds, where it was lately. */
export const began = signal<number | undefined>(undefined);

/** Length of the window, seconds. */
export const range = computed(() => {
  // Grows with the looks.
  void look.value;
  return parseDuration(place.value.params.get("range") ?? "") ?? defaultRange(fixedEnd.value === undefined ? began.value : undefined, present());
});
/** Seconds from look to look. */
export const every = signal(15);

/** The window: its two ends at the present look, seconds, whole ones. */
export const window_ = computed(() => {
  // Depends on `look`, so that a window that goes along moves with each.
  void look.value;
  const end = Math.floor(fixedEnd.value ?? present());
  return { start: end - range.value, end };
});

/** Looks at a window of this length up to now. */
export function setRange(seconds: number): void {
  setParams({ range: printDuration(seconds), end: null });
  look.value += 1;
}

/** Looks at a window between two times. */
export function setWindow(start: number, end: number): void {
  setParams({ range: printDuration(Math.max(1, end - start)), end: String(Math.floor(end)) }, true);
}

/** Moves the window by a part of its length; up to now it goes along with the clock again. */
export function shift(part: number): void {
  const { end } = window_.peek();
  const to = end + part * range.peek();
  setParams({ end: to >= present() ? null : String(Math.floor(to)), range: printDuration(range.peek()) });
  look.value += 1;
}

/** Widens or narrows the window about its end. */
export function zoom(factor: number): void {
  setParams({ range: printDuration(Math.max(10, Math.round(range.peek() * factor))) });
}

/** Looks anew. */
export function refresh(): void {
  now.value = present();
  look.value += 1;
}

// What was asked by another clock is asked again.
let known = ahead.peek();
effect(() => {
  if (ahead.value === known) return;
  known = ahead.value;
  refresh();
});

// A hidden page asks nothing.
let timer: ReturnType<typeof setInterval> | undefined;
effect(() => {
  clearInterval(timer);
  if (every.value > 0) {
    timer = setInterval(() => {
      if (!document.hidden && fixedEnd.peek() === undefined) refresh();
    }, every.value * 1000);
  }
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && every.peek() > 0) refresh();
});
setInterval(() => {
  if (!document.hidden) now.value = present();
}, 1000);

/** Distance of the points of a graph: whole seconds, at most this many of them. */
export function stepFor(seconds: number, points = 240): number {
  return Math.max(1, Math.ceil(seconds / points));
}

/** Reads what somebody types into the time field: `2h`, `now-1d`, `A to B`. */
export function readWindow(text: string, at: number): { start: number; end: number } | { range: number } | undefined {
  const length = parseDuration(text.trim());
  if (length !== undefined && length > 0) return { range: length };
  const [from, to] = text.split(/\s+to\s+|\s+–\s+/);
  const start = parseTime(from ?? "", at);
  if (start === undefined) return undefined;
  const end = to === undefined ? at : parseTime(to, at);
  return end === undefined || end <= start ? undefined : { start, end };
}
