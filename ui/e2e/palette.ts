// Pictures with a palette: a third of the bytes. Colours are kept in steps, rare ones as the nearest of the frequent.

import { crc32, deflateSync } from "node:zlib";
import type { PNG } from "pngjs";

const COLOUR_STEP = 8;
const COLOURS = 256;

type Colour = readonly [number, number, number];

function chunk(kind: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), body]);
  const out = Buffer.alloc(named.length + 8);
  out.writeUInt32BE(body.length, 0);
  named.copy(out, 4);
  out.writeUInt32BE(crc32(named), named.length + 4);
  return out;
}

const distance = (a: Colour, b: Colour) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;

/** The bytes of a PNG file. */
export function packed({ width, height, data }: PNG): Buffer {
  const step = (at: number) => Math.min(255, Math.round((data[at] ?? 0) / COLOUR_STEP) * COLOUR_STEP);
  const keys = Array.from({ length: width * height }, (_, i) => (step(i * 4) << 16) | (step(i * 4 + 1) << 8) | step(i * 4 + 2));
  const times = new Map<number, number>();
  for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1);
  const colour = (key: number): Colour => [key >> 16, (key >> 8) & 255, key & 255];
  const ordered = [...times.keys()].sort((a, b) => (times.get(b) ?? 0) - (times.get(a) ?? 0) || a - b);
  const palette = ordered.slice(0, COLOURS).map(colour);
  const nearest = (key: number) => palette.reduce((best, one, i) => (distance(one, colour(key)) < distance(palette[best] ?? [0, 0, 0], colour(key)) ? i : best), 0);
  const places = new Map(ordered.map((key, i) => [key, i < COLOURS ? i : nearest(key)]));
  // Each row begins with a zero: no filter.
  const rows = Buffer.alloc((width + 1) * height);
  keys.forEach((key, i) => (rows[Math.floor(i / width) * (width + 1) + 1 + (i % width)] = places.get(key) ?? 0));
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("PLTE", Buffer.from(palette.flat())),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
