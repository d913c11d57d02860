// What of an imported dashboard is not as it was.

import type { Converted } from "./grafana";
import type { Stored } from "./store";

export function Notes({ converted, kept }: { converted: Converted; kept: Stored | undefined }) {
  const save = () => {
    if (kept === undefined) return;
    const url = URL.createObjectURL(new Blob([kept.text], { type: "application/json" }));
    Object.assign(document.createElement("a"), { href: url, download: `${kept.id}.json` }).click();
    URL.revokeObjectURL(url);
  };
  const { notes } = converted;
  return (
    <div class="dash-notes">
      {notes.length > 0 && (
        <details>
          <summary class="warn">
            {notes.length === 1 ? "1 thing is" : `${notes.length} things are`} not as in Grafana
          </summary>
          <ul>
            {notes.map((note, i) => (
              <li key={i}>{note}</li>
            ))}
          </ul>
        </details>
      )}
      <button type="button" class="btn small ghost" onClick={save}>
        Export JSON
      </button>
    </div>
  );
}
