// What a person prefers, kept in the browser.

import { effect, signal } from "@preact/signals";

function stored(key: string): string | null {
  try {
    return localStorage.getItem(`narthex.${key}`);
  } catch {
    // Storage may be forbidden; then preferences last as long as the page.
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(`narthex.${key}`, value);
  } catch {
    // See above.
  }
}

export type Theme = "light" | "dark" | "system";

const theme0 = new URLSearchParams(location.search).get("theme") ?? stored("theme");

/** Light, dark, or as the system has it. */
export const theme = signal<Theme>(theme0 === "light" || theme0 === "dark" ? theme0 : "system");
/** Times in UTC rather than in the browser's zone. */
export const utc = signal(stored("utc") !== "local");
/** The rail shows symbols only. */
export const folded = signal(stored("folded") === "yes");

const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", (event) => {
  systemDark.value = event.matches;
});

/** Whether the dark colours are in force. */
export const dark = signal(false);

effect(() => {
  const is = theme.value === "dark" || (theme.value === "system" && systemDark.value);
  dark.value = is;
  document.documentElement.dataset["theme"] = is ? "dark" : "light";
});
effect(() => store("theme", theme.value));
effect(() => store("utc", utc.value ? "utc" : "local"));
effect(() => store("folded", folded.value ? "yes" : "no"));
