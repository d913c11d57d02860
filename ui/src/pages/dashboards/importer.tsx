// Takes a Grafana dashboard in: pasted, chosen, or dropped.

import { useState } from "preact/hooks";
import { go, link } from "../../state/url";
import { convert } from "./grafana";
import { TEXT_MAX, keep } from "./store";

export function Importer() {
  const [text, setText] = useState("");
  const [error, setError] = useState<string | undefined>();
  const [over, setOver] = useState(false);
  const take = (json: string) => {
    const { board, error: wrong } = convert(json);
    if (board === undefined) {
      setError(wrong ?? "It is no dashboard.");
      return;
    }
    if (!keep({ id: board.id, title: board.title, text: json })) setError("The browser does not keep it: it lasts as long as this page.");
    go(link("dashboards", { d: board.id }));
  };
  const read = async (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > TEXT_MAX) setError(`${file.name} is larger than ${TEXT_MAX >> 20} MiB.`);
    else take(await file.text());
  };
  return (
    <section
      class={`panel dash-import${over ? " over" : ""}`}
      aria-label="Import"
      onDragOver={(event) => (event.preventDefault(), setOver(true))}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void read(event.dataTransfer?.files[0]);
      }}
    >
      <header>
        <h2>Import a Grafana dashboard</h2>
        <span class="u">kept in this browser</span>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          take(text);
        }}
      >
        <label>
          <span class="t2">Paste its JSON (Share, Export), or drop the file here.</span>
          <textarea class="input" rows={5} value={text} aria-invalid={error !== undefined} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        {error && (
          <div class="crit small" role="alert">
            {error}
          </div>
        )}
        <div class="acts">
          <button type="submit" class="btn primary" disabled={text.trim() === ""}>
            Import
          </button>
          <label class="btn">
            Choose a file
            <input type="file" class="visually-hidden" accept=".json,application/json" onChange={(event) => void read(event.currentTarget.files?.[0])} />
          </label>
        </div>
      </form>
    </section>
  );
}
