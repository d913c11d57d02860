// Single points over the lines of a chart, such as exemplars.

import type uPlot from "uplot";
import { token } from "./colours";

export interface Dot {
  /** Seconds. */
  time: number;
  /** Without one the dot stands at the foot of the chart. */
  value: number | undefined;
  /** The colour of a hollow ring, for the end of a series; without it the dot is a diamond. */
  ring?: string;
}

/** How far from a dot a click still means it, CSS pixels. */
const REACH = 10;
/** Half of a dot's width, CSS pixels. */
const SIZE = 4;

interface Place {
  x: number;
  y: number;
}

/** Where a dot stands, in canvas pixels or in CSS pixels of the plot. */
function placeOf(u: uPlot, dot: Dot, canvas: boolean): Place {
  const foot = canvas ? u.bbox.top + u.bbox.height : u.bbox.height / devicePixelRatio;
  const lift = canvas ? SIZE * 1.5 * devicePixelRatio : SIZE * 1.5;
  return { x: u.valToPos(dot.time, "x", canvas), y: dot.value === undefined ? foot - lift : u.valToPos(dot.value, "y", canvas) };
}

function diamond(ctx: CanvasRenderingContext2D, { x, y }: Place, size: number): void {
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
}

/** Draws the dots, the chosen one filled. */
export function drawDots(u: uPlot, dots: readonly Dot[], chosen: number | undefined): void {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  // Half of a dot at the edge stands beyond it.
  ctx.rect(u.bbox.left - SIZE * ratio, u.bbox.top - SIZE * ratio, u.bbox.width + 2 * SIZE * ratio, u.bbox.height + 2 * SIZE * ratio);
  ctx.clip();
  ctx.lineWidth = 1.25 * ratio;
  const [accent, surface] = [token("accent"), token("surface")];
  dots.forEach((dot, i) => {
    const at = placeOf(u, dot, true);
    const size = (i === chosen ? SIZE + 1.5 : SIZE) * ratio;
    ctx.beginPath();
    if (dot.ring === undefined) diamond(ctx, at, size);
    else ctx.arc(at.x, at.y, size, 0, 2 * Math.PI);
    ctx.strokeStyle = dot.ring ?? accent;
    ctx.fillStyle = i === chosen ? (dot.ring ?? accent) : surface;
    ctx.fill();
    ctx.stroke();
  });
  ctx.restore();
}

/** The dot that a click at a place of the plot means. */
export function dotAt(u: uPlot, dots: readonly Dot[], left: number, top: number): number | undefined {
  return nearest(dots.map((dot) => placeOf(u, dot, false)), { x: left, y: top }, REACH);
}

/** The place next to another, within reach. */
export function nearest(places: readonly Place[], to: Place, reach: number): number | undefined {
  let best: number | undefined;
  let least = reach;
  places.forEach((place, i) => {
    const distance = Math.hypot(place.x - to.x, place.y - to.y);
    if (distance <= least) [best, least] = [i, distance];
  });
  return best;
}
