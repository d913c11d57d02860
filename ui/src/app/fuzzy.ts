// Finds names by some of their letters.

/** How well the letters of `text`, in order, are in `name`: less is better; `undefined` if they are not. */
export function distance(name: string, text: string): number | undefined {
  const [whole, wanted] = [name.toLowerCase(), text.toLowerCase().replace(/\s+/g, "")];
  const at = whole.indexOf(wanted);
  if (at >= 0) return at === 0 ? name.length / 1000 : 1 + at + name.length / 1000;
  let [from, gaps, last] = [0, 0, -1];
  for (const letter of wanted) {
    const found = whole.indexOf(letter, from);
    if (found < 0) return undefined;
    // Letters that begin a word are meant.
    if (last >= 0 && found !== last + 1) gaps += /[_:]/.test(whole[found - 1] ?? "_") ? 1 : 4;
    last = found;
    from = found + 1;
  }
  return 100 + gaps + name.length / 1000;
}

/** The best first; all of them when there is no text. */
export function rank<T>(all: readonly T[], text: string, name: (one: T) => string): T[] {
  if (text.trim() === "") return [...all];
  return all
    .map((one) => [distance(name(one), text), one] as const)
    .filter((entry): entry is readonly [number, T] => entry[0] !== undefined)
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}
