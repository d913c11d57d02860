// All values at the pointer's time, the largest first; the line next to the pointer stands out.

import { type Unit, format } from "../format/numbers";
import { fullTime } from "../format/time";
import { utc } from "../state/settings";
import type { Drawn } from "./chart";

/** More lines than these are counted. */
const ROWS = 12;

export interface Pointer {
  /** Which of the times. */
  index: number;
  /** CSS pixels of the plot. */
  left: number;
  top: number;
  /** The value at its height; NaN where heights are sums. */
  value: number;
}

export function Tip({ times, drawn, unit, index, left, top, value, width, height }: Pointer & { times: readonly number[]; drawn: readonly Drawn[]; unit: Unit; width: number; height: number }) {
  const known = drawn.flatMap((line) => {
    const own = line.values[index] ?? NaN;
    return Number.isNaN(own) ? [] : [{ line, own }];
  });
  if (known.length === 0) return null;
  known.sort((a, b) => b.own - a.own);
  const next = Number.isNaN(value) ? undefined : known.reduce((best, one) => (Math.abs(one.own - value) < Math.abs(best.own - value) ? one : best));
  const shown = known.slice(0, ROWS);
  const side = left > width / 2 ? { right: `${width - left + 16 - 40}px` } : { left: `${left + 64}px` };
  const row = ({ line, own }: (typeof known)[number]) => (
    <div key={line.name} class={line === next?.line ? "next" : undefined}>
      <span>
        <i class="swatch" style={{ background: line.colour }} />
        {line.name}
      </span>
      <span>{format(own, unit)}</span>
    </div>
  );
  return (
    <div class="popover tip" style={{ ...side, top: `${Math.min(top, Math.max(0, height - 120))}px` }}>
      <h4>{fullTime(times[index] ?? 0, { utc: utc.value })}</h4>
      {shown.map(row)}
      {known.length > ROWS && next && !shown.includes(next) && row(next)}
      {known.length > ROWS && <div class="t3">{known.length - ROWS} more</div>}
    </div>
  );
}
