// Compares what a page looks like with the picture of it that is kept.
//
// Pixels can be compared where the browser draws type as the one did that made the pictures; `machine.json` says how
// that was. Elsewhere the means of small squares are compared: a moved line is found, another shape of a letter is not.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import type { Page } from "playwright-core";
import { packed } from "./palette";

const KEPT = fileURLToPath(new URL("./snapshots/", import.meta.url));
/** Where pictures of a failure go. */
export const FAILED = fileURLToPath(new URL("./snapshots-failed/", import.meta.url));
const MACHINE = `${KEPT}machine.json`;

/** Whether the kept pictures are made anew. */
export const RENEW = process.env["SNAPSHOTS"] === "renew";

/** Least difference of a pixel, 0 to 1; the palette costs less, a hairline of the dark theme has more. */
const PIXEL_DIFFERS = 0.03;
/** Part of the pixels that may differ. */
const PIXELS = 0.001;
/** Edge of the squares whose means are compared. */
const SQUARE = 12;
/** Least difference of their means, of 255. */
const SQUARE_DIFFERS = 20;
/** Part of the squares that may differ. */
const SQUARES = 0.01;

interface Machine {
  browser: string;
  /** A digest of a line of type as this machine draws it. */
  type: string;
}

/** How this browser draws type. Fails where the page's own typeface is not there: then nothing can be compared. */
export async function machineOf(page: Page): Promise<Machine> {
  const drawn = await page.evaluate(async () => {
    await document.fonts.ready;
    if (![...document.fonts].some((font) => font.family.includes("Inter") && font.status === "loaded")) return undefined;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [600, 80];
    const context = canvas.getContext("2d");
    if (context === null) return undefined;
    for (const [i, weight] of [400, 500, 600].entries()) {
      context.font = `${weight} 13px "Inter Variable", system-ui, sans-serif`;
      context.fillText("Hamburgefonts 0123456789 ▲ ■ ● ○ ✕ ‹ › ⌘", 4, 20 + 24 * i);
    }
    return canvas.toDataURL();
  });
  if (drawn === undefined) throw new Error("the page did not load its own typeface, Inter: see the request for its .woff2; without it no picture can be compared");
  return { browser: page.context().browser()?.version() ?? "", type: createHash("sha256").update(drawn).digest("hex").slice(0, 16) };
}

/** Whether pixels can be compared here; says so loudly where they cannot. */
export function comparable(here: Machine): boolean {
  if (RENEW) {
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(MACHINE, `${JSON.stringify(here, null, 2)}\n`);
    return true;
  }
  const kept = JSON.parse(readFileSync(MACHINE, "utf8")) as Machine;
  if (kept.type === here.type) return true;
  console.warn(
    `PICTURES ARE COMPARED BY LAYOUT ONLY: this machine draws type in its own way (Chromium ${here.browser}, type ${here.type}), ` +
      `the pictures were made with Chromium ${kept.browser}, type ${kept.type}. Other fonts or another browser are installed; \`npm run snapshots\` makes them anew.`,
  );
  return false;
}

/** Part of the squares whose means differ. */
export function squaresApart(one: PNG, other: PNG): number {
  let [apart, all] = [0, 0];
  const mean = (picture: PNG, left: number, top: number, channel: number) => {
    let sum = 0;
    for (let y = top; y < top + SQUARE; y += 1) {
      for (let x = left; x < left + SQUARE; x += 1) sum += picture.data[(y * picture.width + x) * 4 + channel] ?? 0;
    }
    return sum / SQUARE ** 2;
  };
  for (let top = 0; top + SQUARE <= one.height; top += SQUARE) {
    for (let left = 0; left + SQUARE <= one.width; left += SQUARE) {
      all += 1;
      if ([0, 1, 2].some((channel) => Math.abs(mean(one, left, top, channel) - mean(other, left, top, channel)) > SQUARE_DIFFERS)) apart += 1;
    }
  }
  return apart / all;
}

/** How many pixels differ. */
function differing(kept: PNG, picture: PNG, difference?: PNG): number {
  const { width, height } = kept;
  if (width !== picture.width || height !== picture.height) return width * height;
  return pixelmatch(kept.data, picture.data, difference?.data, width, height, { threshold: PIXEL_DIFFERS });
}

/** What is wrong with a picture, if anything is. The picture, the kept one and the difference then lie in `FAILED`. */
export function wrongWith(name: string, bytes: Buffer, strict: boolean): string | undefined {
  const file = `${KEPT}${name}.png`;
  const picture = PNG.sync.read(bytes);
  if (RENEW) {
    // One that looks the same stays, byte for byte.
    if (!existsSync(file) || differing(PNG.sync.read(readFileSync(file)), picture) > 0) writeFileSync(file, packed(picture));
    return undefined;
  }
  if (!existsSync(file)) return keep(name, picture) + `there is no ${file} to compare it with: \`npm run snapshots\` makes it`;
  const kept = PNG.sync.read(readFileSync(file));
  const { width, height } = kept;
  if (width !== picture.width || height !== picture.height) {
    return keep(name, picture) + `it is ${picture.width} × ${picture.height}, the kept picture ${width} × ${height}`;
  }
  const difference = new PNG({ width, height });
  const part = differing(kept, picture, difference) / (width * height);
  const [found, most, what] = strict ? [part, PIXELS, "pixels"] : [squaresApart(kept, picture), SQUARES, "squares"];
  if (found <= most) return undefined;
  return keep(name, picture, difference) + `${(found * 100).toFixed(2)} % of its ${what} differ from ${file}, at most ${most * 100} % may. If that is meant: \`npm run snapshots\``;
}

function keep(name: string, picture: PNG, difference?: PNG): string {
  mkdirSync(FAILED, { recursive: true });
  writeFileSync(`${FAILED}${name}.png`, packed(picture));
  if (difference) writeFileSync(`${FAILED}${name}.difference.png`, PNG.sync.write(difference));
  return `${name} looks otherwise (see ${FAILED}${name}.png${difference ? ` and ${name}.difference.png` : ""}): `;
}
