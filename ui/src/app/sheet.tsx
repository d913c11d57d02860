// The sheet of keys.

import { useLayoutEffect, useRef } from "preact/hooks";
import { PAGES } from "./pages";

const KEYS: readonly [string, string][] = [
  ["⌘ K, Ctrl K", "go to a page, dashboard, metric, target, alert, past query"],
  ["/", "filter"],
  ["j k Enter Esc", "rows of a table: down, up, open, close"],
  ["t", "window of time"],
  ["← →", "half a window back, ahead"],
  ["- +", "wider, narrower"],
  ["0", "up to now"],
  ["r", "look now"],
  ["u", "UTC or local time"],
  ["l", "light or dark"],
  ["[", "fold the rail"],
  ["⌘ ↵, Ctrl ↵", "Explore: run"],
  ["⌥ ↑ ↓, Alt ↑ ↓", "Explore: earlier and later queries"],
  ["⌘ 1 … 9, Ctrl 1 … 9", "Explore: write in that query"],
  ["Esc", "leave a field, close what is open"],
];

export function Sheet({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="sheet" onClose={close} onClick={(event) => event.target === dialog.current && close()} aria-label="Keys">
      <table>
        <tbody>
          {[...PAGES.map((page): [string, string] => [`g ${page.key}`, page.title]), ...KEYS].map(([key, meaning]) => (
            <tr key={key}>
              <td>
                <kbd>{key}</kbd>
              </td>
              <td>{meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </dialog>
  );
}
