// Series have to be told apart by all sorts of colour sight, and to stand out from the ground.

import { describe, expect, it, vi } from "vitest";

vi.mock("../state/settings", () => ({ dark: { value: false } }));

const { DARK, LIGHT } = await import("./colours");

type Rgb = [number, number, number];

function linear(hex: string): Rgb {
  const part = (i: number) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.040_45 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

/** OKLab, by Björn Ottosson. */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b);
  const m = Math.cbrt(0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b);
  const s = Math.cbrt(0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b);
  return [
    0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s,
    1.977_998_495_1 * l - 2.428_592_205 * m + 0.450_593_709_9 * s,
    0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766 * s,
  ];
}

/** How colours look without one kind of cones: Machado, Oliveira, Fernandes 2009, severity 1. */
const SIGHTS: Record<string, [Rgb, Rgb, Rgb]> = {
  full: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
  deutan: [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_82, 0.042_94, 0.968_881]],
};

function seen(colour: Rgb, matrix: [Rgb, Rgb, Rgb]): Rgb {
  const [r, g, b] = colour;
  return matrix.map(([x, y, z]) => Math.max(0, x * r + y * g + z * b)) as Rgb;
}

function luminance([r, g, b]: Rgb): number {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe.each([
  ["light", LIGHT, "#ffffff"],
  ["dark", DARK, "#161a21"],
] as const)("the %s palette", (_, palette, ground) => {
  it.each(Object.keys(SIGHTS))("is told apart with %s sight", (sight) => {
    const matrix = SIGHTS[sight] ?? [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    const labs = palette.map((hex) => oklab(seen(linear(hex), matrix)));
    for (let i = 0; i < labs.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const [a, b] = [labs[i] as Rgb, labs[j] as Rgb];
        const distance = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
        expect(distance, `${palette[i]} and ${palette[j]}`).toBeGreaterThan(0.09);
      }
    }
  });
  it("stands out from the ground", () => {
    const base = luminance(linear(ground));
    for (const hex of palette) {
      const own = luminance(linear(hex));
      const contrast = (Math.max(own, base) + 0.05) / (Math.min(own, base) + 0.05);
      expect(contrast, hex).toBeGreaterThanOrEqual(2.8);
    }
  });
});
