// The window where nobody says which.

const DEFAULT = 2 * 3600;
/** Lengths for a server that has less than the default. */
const SHORT = [300, 900, 1800, 3600] as const;

/** As much as there is, up to two hours; all times in seconds. */
export function defaultRange(began: number | undefined, at: number): number {
  const age = began === undefined ? Infinity : at - began;
  return SHORT.find((length) => age <= length) ?? DEFAULT;
}
