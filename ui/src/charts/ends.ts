// Names behind the ends of the coloured lines.

import type uPlot from "uplot";
import type { Drawn } from "./chart";

/** Room for the names, CSS pixels. */
export const ENDS = 84;

/** Writes the names, never one upon another. `lasts` are the last values of the lines, as they are drawn. */
export function drawEnds(u: uPlot, lines: readonly Drawn[], lasts: readonly number[], colour: string, font: string): void {
  const ratio = devicePixelRatio;
  const ends = lines.flatMap((line, i) => {
    const value = lasts[i] ?? NaN;
    return Number.isNaN(value) ? [] : [{ line, y: u.valToPos(value, "y", true) }];
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
export function shorten(name: string, fits: (text: string) => boolean): string {
  if (fits(name)) return name;
  let left = name.length - 1;
  while (left > 1 && !fits(`${name.slice(0, left)}…`)) left -= 1;
  return `${name.slice(0, left)}…`;
}
