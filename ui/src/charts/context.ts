// The grey rest of a chart's lines, behind those that stand out.

import type uPlot from "uplot";
import type { Drawn } from "./chart";
import { Ink } from "./ink";

/** Radius of points, CSS pixels. */
const DOT = 2;

/** Draws all of them as one picture below what comes; each call again where nothing has changed since costs nothing. */
export function contextPainter(lines: readonly Drawn[], points: boolean): (u: uPlot) => void {
  let kept: { key: string; picture: HTMLCanvasElement } | undefined;
  return (u) => {
    const [first] = lines;
    if (first === undefined) return;
    const { left, top, width, height } = u.bbox;
    const { min = 0, max = 1 } = u.scales["y"] ?? {};
    const key = [width, height, min, max].join(" ");
    if (kept?.key !== key) {
      const picture = Object.assign(document.createElement("canvas"), { width, height });
      paint(picture, u, lines, points);
      kept = { key, picture };
    }
    u.ctx.drawImage(kept.picture, left, top);
  };
}

function paint(picture: HTMLCanvasElement, u: uPlot, lines: readonly Drawn[], points: boolean): void {
  const { width, height } = picture;
  const ctx = picture.getContext("2d");
  if (ctx === null || width === 0 || height === 0) return;
  const ratio = devicePixelRatio;
  const [x, y] = [u.scales["x"], u.scales["y"]];
  const log = y?.distr === 3;
  const of = (value: number) => (log ? Math.log10(value) : value);
  const [low, high] = [of(y?.min ?? 0), of(y?.max ?? 1)];
  const steep = height / (high - low);
  const [from, to] = [x?.min ?? 0, x?.max ?? 1];
  const plane = {
    width,
    height,
    x: Float64Array.from(u.data[0] ?? [], (time) => ((time - from) / (to - from)) * width),
    // What is not positive has no logarithm, and so no place.
    y: log ? (value: number) => (value > 0 ? height - (Math.log10(value) - low) * steep : NaN) : (value: number) => height - (value - low) * steep,
  };
  const ink = new Ink(plane, ratio);
  for (const { values } of lines) {
    if (points) ink.dots(values, DOT * ratio);
    else ink.line(values, DOT * ratio);
  }
  const image = ctx.createImageData(width, height);
  const coverage = ink.coverage();
  for (let i = 0; i < coverage.length; i += 1) image.data[i * 4 + 3] = coverage[i] as number;
  ctx.putImageData(image, 0, 0);
  ctx.globalCompositeOperation = "source-in";
  ctx.fillStyle = lines[0]?.colour ?? "";
  ctx.fillRect(0, 0, width, height);
}
