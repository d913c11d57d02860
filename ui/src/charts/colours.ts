// Colours of series: one for each label set, the same all over a page.

import { dark } from "../state/settings";

/** Colours that people with any colour sight tell apart; the theme's own values. */
export const LIGHT = ["#3f56bc", "#dc7c1a", "#178c7b", "#9b0051", "#119bdb", "#826600", "#471890", "#631f09"] as const;
export const DARK = ["#7497f0", "#fa9525", "#47cea4", "#ce5f9a", "#a6dffe", "#e7e36f", "#7355ce", "#9d5a3f"] as const;

/** Lines that get a colour; the rest is grey. */
export const COLOURED = 20;

/** The stroke of the n-th series: colour, and dashes from the ninth on. */
export function stroke(n: number): { colour: string; dash: number[] | undefined } {
  const palette = dark.value ? DARK : LIGHT;
  const colour = palette[n % palette.length] ?? palette[0];
  return { colour, dash: n < palette.length ? undefined : n < 2 * palette.length ? [6, 3] : [2, 3] };
}

/** A colour of the theme by its name in the style sheet. */
export function token(name: string): string {
  // Read anew after a change of the theme.
  void dark.value;
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
