// Many lines of one colour as a picture. A canvas strokes a thousand of them one by one, which takes longer than anybody
// waits; here each is taken column by column, and all together become one coverage.

import type { Values } from "./series";

/** Where lines go in a picture, in its pixels. */
export interface Plane {
  width: number;
  height: number;
  /** From the left, for each value of a line. */
  x: Float64Array;
  /** From the top. */
  y: (value: number) => number;
}

/** Steps of coverage that are told apart. */
const STEPS = 255;
/** Logarithms are counted in these parts: whole numbers that come and go leave nothing behind, however many lines there are. */
const PARTS = 4096;
/** The logarithm of what is left of the ground below so much coverage. */
const CLEAR = Int32Array.from({ length: STEPS + 1 }, (_, n) => PARTS * Math.log(1 - Math.min(n, STEPS - 0.5) / STEPS));

/** How much of each pixel is covered. */
export class Ink {
  /**
   * For each column, from pixel to pixel, the change of the logarithm of what is left: so a stretch costs the same
   * whatever its length, and lines over each other multiply.
   */
  private readonly change: Int32Array;
  private readonly rows: number;

  constructor(
    private readonly plane: Plane,
    /** Width of lines, pixels. */
    private readonly pen: number,
  ) {
    this.rows = plane.height + 2;
    this.change = new Int32Array(plane.width * this.rows);
  }

  /** Draws a line; a point between gaps becomes a dot of this radius, pixels. Plain loops: this runs a million times. */
  line(values: Values, radius: number): void {
    const { x, y: place } = this.plane;
    const { length } = values;
    // What the line does in the column that it is in: where it is, and how far it goes.
    let column = -1;
    let low = 0;
    let high = 0;
    let way = 0;
    let before = NaN;
    let above = NaN;
    for (let i = 0; i < length; i += 1) {
      const at = x[i] as number;
      const y = place(values[i] as number);
      if (y === y && above === above) {
        const slope = (y - above) / (at - before);
        let from = before;
        let start = above;
        for (let next = Math.floor(before); from < at; next += 1) {
          const last = next + 1 >= at;
          const to = last ? at : next + 1;
          const end = last ? y : above + slope * (to - before);
          if (next !== column) {
            if (column >= 0) this.leave(column, low, high, way);
            column = next;
            low = high = start;
            way = 0;
          }
          if (end < low) low = end;
          else if (end > high) high = end;
          way += Math.sqrt((to - from) * (to - from) + (end - start) * (end - start));
          from = to;
          start = end;
        }
      } else if (y === y) {
        const after = i + 1 < length ? place(values[i + 1] as number) : NaN;
        if (after !== after) this.dot(at, y, radius);
      } else if (column >= 0) {
        this.leave(column, low, high, way);
        column = -1;
      }
      before = at;
      above = y;
    }
    if (column >= 0) this.leave(column, low, high, way);
  }

  /** Draws what a line did in a column: its way spread over where it was. */
  private leave(column: number, low: number, high: number, way: number): void {
    const { pen } = this;
    this.stretch(column, low - pen / 2, high + pen / 2, (way * pen) / (high - low + pen));
  }

  /** Draws every value as a dot. */
  dots(values: Values, radius: number): void {
    values.forEach((value, i) => {
      const y = this.plane.y(value);
      if (!Number.isNaN(y)) this.dot(this.plane.x[i] as number, y, radius);
    });
  }

  private dot(x: number, y: number, radius: number): void {
    for (let column = Math.floor(x - radius); column < x + radius; column += 1) {
      const aside = column + 0.5 - x;
      const half = Math.sqrt(radius * radius - aside * aside);
      if (half > 0) this.stretch(column, y - half, y + half, 1);
    }
  }

  /** Covers a column from a height to another to some part. */
  private stretch(column: number, top: number, bottom: number, part: number): void {
    const { change, rows } = this;
    const { width, height } = this.plane;
    const from = top > 0 ? top : 0;
    const to = bottom < height ? bottom : height;
    if (column < 0 || column >= width || !(from < to)) return;
    const most = part < 1 ? part * STEPS : STEPS;
    const first = Math.floor(from);
    const last = Math.floor(to);
    const at = column * rows + first;
    const end = column * rows + last;
    if (first === last) {
      const only = CLEAR[Math.round(most * (to - from))] as number;
      change[at] = (change[at] as number) + only;
      change[at + 1] = (change[at + 1] as number) - only;
      return;
    }
    // Only a part of the first and of the last pixel is covered.
    const inner = CLEAR[Math.round(most)] as number;
    const head = CLEAR[Math.round(most * (first + 1 - from))] as number;
    const foot = CLEAR[Math.round(most * (to - last))] as number;
    change[at] = (change[at] as number) + head;
    change[at + 1] = (change[at + 1] as number) + inner - head;
    change[end] = (change[end] as number) + foot - inner;
    change[end + 1] = (change[end + 1] as number) - foot;
  }

  /** Coverage of all pixels, row by row, from 0 to 255. */
  coverage(): Uint8ClampedArray<ArrayBuffer> {
    const { change, rows, plane } = this;
    const { width, height } = plane;
    const out = new Uint8ClampedArray(width * height);
    for (let column = 0; column < width; column += 1) {
      let left = 0;
      for (let row = 0; row < height; row += 1) {
        left += change[column * rows + row] as number;
        if (left !== 0) out[row * width + column] = 255 * (1 - Math.exp(left / PARTS));
      }
    }
    return out;
  }
}
