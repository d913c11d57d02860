// Where the marks of axes stand.

const STEPS = [1, 2, 2.5, 5, 10];
const BINARY = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Marks of a value axis from `min` to `max`, about `wanted` of them. Bytes stand at powers of two. */
export function valueTicks(min: number, max: number, wanted: number, binary = false): number[] {
  const span = max - min;
  if (!(span > 0) || !Number.isFinite(span)) return [min];
  const raw = span / Math.max(1, wanted);
  const base = binary ? 1024 : 10;
  const power = base ** Math.floor(Math.log(raw) / Math.log(base));
  const step = ((binary ? BINARY : STEPS).find((size) => size * power >= raw - power * 1e-9) ?? base) * power;
  const ticks: number[] = [];
  // Adding 0 makes 0 of -0.
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i += 1) ticks.push(i * step + 0);
  return ticks;
}

/** Distances between marks of a time axis, seconds. */
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000,
];

/** Marks of a time axis, seconds since the epoch; `offset` (seconds) is what local time is ahead of UTC. */
export function timeTicks(from: number, to: number, wanted: number, offset = 0): number[] {
  const span = to - from;
  if (!(span > 0)) return [];
  const step = TIME_STEPS.find((size) => span / size <= wanted) ?? TIME_STEPS[TIME_STEPS.length - 1] ?? 1;
  const ticks: number[] = [];
  for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) ticks.push(t);
  return ticks;
}
