// Keys: single ones, two in a row (`g e`), and with the command key (`mod+k`). Never while somebody writes.

import { useEffect, useRef } from "preact/hooks";

/** The second key of two has to follow within this, ms. */
const PATIENCE = 1500;

export function useKeys(actions: Record<string, () => void>): void {
  // Outlives what is drawn anew between the two keys.
  const before = useRef({ key: "", at: 0 }).current;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      // What has the focus comes first: rows, tabs.
      if (event.defaultPrevented) return;
      const mod = event.metaKey || event.ctrlKey;
      const writing = (event.target as Element).closest("input, textarea, select, [contenteditable], dialog[open]") !== null;
      // Out of a field, to the keys of the page.
      if (event.key === "Escape" && event.target instanceof HTMLElement && event.target.closest("dialog") === null) event.target.blur();
      if ((writing && !mod) || event.altKey || event.isComposing) return;
      const pair = before.key !== "" && Date.now() - before.at < PATIENCE ? `${before.key} ${event.key}` : "";
      before.key = "";
      const action = actions[mod ? "" : pair] ?? actions[mod ? `mod+${event.key.toLowerCase()}` : event.key];
      if (action) {
        event.preventDefault();
        action();
        return;
      }
      if (!mod) {
        before.key = event.key;
        before.at = Date.now();
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  });
}
