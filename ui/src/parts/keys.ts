// Keys: single ones, two in a row (`g e`), and with the command key (`mod+k`). Never while somebody writes.

import { useEffect } from "preact/hooks";

/** The second key of two has to follow within this, ms. */
const PATIENCE = 1500;

export function useKeys(actions: Record<string, () => void>): void {
  useEffect(() => {
    let first = "";
    let at = 0;
    const listen = (event: KeyboardEvent) => {
      // What has the focus comes first: rows, tabs.
      if (event.defaultPrevented) return;
      const mod = event.metaKey || event.ctrlKey;
      const writing = (event.target as Element).closest("input, textarea, select, [contenteditable], dialog") !== null;
      // Out of a field, to the keys of the page.
      if (event.key === "Escape" && event.target instanceof HTMLElement && event.target.closest("dialog") === null) event.target.blur();
      if ((writing && !mod) || event.altKey || event.isComposing) return;
      const pair = first !== "" && Date.now() - at < PATIENCE ? `${first} ${event.key}` : "";
      first = "";
      const action = actions[mod ? "" : pair] ?? actions[mod ? `mod+${event.key.toLowerCase()}` : event.key];
      if (action) {
        event.preventDefault();
        action();
        return;
      }
      if (!mod) {
        first = event.key;
        at = Date.now();
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  });
}
