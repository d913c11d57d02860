// Which lines of a chart are drawn one by one, and how they lie on each other.

import type { Drawn } from "./chart";
import type { Values } from "./series";

export interface Foreground {
  /** Drawn one by one, in this order. */
  lines: Drawn[];
  /** Where they are: their values, or the sums that they end at. */
  drawn: Values[];
  /** The same as the plot wants it: gaps are `null`. */
  data: (number | null)[][];
  /** Drawn together, behind the others. */
  behind: Drawn[];
  stacked: boolean;
}

/** Sums lines up at each time; where none has a value there is none. */
function sum(lines: readonly Drawn[]): Values {
  const total = new Float64Array(lines[0]?.values.length ?? 0).fill(NaN);
  for (const { values } of lines) {
    for (let i = 0; i < total.length; i += 1) {
      const value = values[i] as number;
      if (!Number.isNaN(value)) total[i] = Number.isNaN(total[i] as number) ? value : (total[i] as number) + value;
    }
  }
  return total;
}

/** Each line begins where the one before ends; where neither is anything it has a gap. */
function piled(lines: readonly Drawn[]): Values[] {
  let below: Values | undefined;
  return lines.map((line) => {
    if (line.apart) return line.values;
    const foot = below;
    const own: Values = line.values.map((value, i) => {
      const from = foot?.[i] ?? NaN;
      return Number.isNaN(value) ? from : value + (Number.isNaN(from) ? 0 : from);
    });
    below = own;
    return own;
  });
}

export function foreground(drawn: readonly Drawn[], stacked: boolean): Foreground {
  const grey = drawn.filter((line) => line.context);
  const front = drawn.filter((line) => !line.context);
  // In a stack the grey ones are one area at its foot.
  const [first] = grey;
  const rest: Drawn[] = stacked && first ? [{ ...first, name: "", values: sum(grey) }] : [];
  const lines = [...rest, ...front];
  const values = stacked ? piled(lines) : lines.map((line) => line.values);
  const data = values.map((own) => Array.from(own, (value) => (Number.isNaN(value) ? null : value)));
  return { lines, drawn: values, data, behind: stacked ? [] : grey, stacked };
}
