// Dashboards that somebody imported, as they came, in this browser.

import { signal } from "@preact/signals";

const KEY = "narthex.dashboards";
/** More are not kept; neither are longer texts, bytes. */
export const KEPT_MAX = 50;
export const TEXT_MAX = 2 << 20;

export interface Stored {
  id: string;
  title: string;
  /** The JSON as it came. */
  text: string;
}

function read(): Stored[] {
  try {
    const all: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(all)) return [];
    return all.slice(0, KEPT_MAX).filter((one: unknown): one is Stored => {
      const { id, title, text } = (one ?? {}) as Record<string, unknown>;
      return typeof id === "string" && typeof title === "string" && typeof text === "string";
    });
  } catch {
    // Storage may be forbidden, or hold what others wrote.
    return [];
  }
}

/** What is kept, by title. */
export const stored = signal<readonly Stored[]>(read());

function write(all: readonly Stored[]): boolean {
  stored.value = [...all].sort((a, b) => a.title.localeCompare(b.title));
  try {
    localStorage.setItem(KEY, JSON.stringify(stored.value));
    return true;
  } catch {
    return false;
  }
}

/** Keeps a dashboard in place of one with its id; false when the browser keeps it for this page only. */
export function keep(one: Stored): boolean {
  const others = stored.peek().filter((kept) => kept.id !== one.id);
  return write([...others.slice(0, KEPT_MAX - 1), one]);
}

export function remove(id: string): void {
  write(stored.peek().filter((one) => one.id !== id));
}
