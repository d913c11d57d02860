// The present. The server stamps samples, so its clock counts: where the browser's differs, pages go by the server's.

import { signal } from "@preact/signals";

/** Clocks that differ by less are taken for the same, seconds. */
const TOLERATED = 2;
/** The server tells whole seconds. */
const GRAIN = 1;

/** What the server's clock is ahead of the browser's, whole seconds; 0 while they agree. */
export const ahead = signal(0);

/** Seconds since the epoch, by the server's clock. */
export function present(): number {
  return Date.now() / 1000 + ahead.peek();
}

/** What is known of the difference once an answer of the server's time `told` came after `elapsed`, at `at` by the browser; all seconds. */
export function difference(before: number, told: number, elapsed: number, at: number): number {
  // It was told at some time between question and answer.
  const unsure = (GRAIN + elapsed) / 2;
  const found = told + GRAIN / 2 - (at - elapsed / 2);
  if (Math.abs(found) <= TOLERATED + unsure) return 0;
  return before !== 0 && Math.abs(found - before) <= TOLERATED + unsure ? before : Math.round(found);
}

/** Learns from an answer: its `Date` header, and how long it took, ms. */
export function hear(date: string | null, elapsed: number): void {
  const told = Date.parse(date ?? "") / 1000;
  if (Number.isFinite(told)) ahead.value = difference(ahead.peek(), told, elapsed / 1000, Date.now() / 1000);
}
