// A dashboard: its variables, then its rows of panels.

import { useMemo, useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { scrapeInterval } from "../../api/interval";
import { Failed, Loading } from "../../parts/states";
import { fixedEnd, range, stepFor, window_ } from "../../state/range";
import { place } from "../../state/url";
import { Places } from "./colouring";
import type { Scene } from "./data";
import { namesOf } from "./fallback";
import type { Board, Row } from "./model";
import { PanelView } from "./panel";
import { Variables } from "./pick";
import { fillText, windowValues } from "./substitute";
import { resolve } from "./resolve";
import { meaning } from "./variables";

/** Seconds from scrape to scrape where the configuration does not tell. */
const INTERVAL = 15;

/** What is known before the first panel asks. */
async function prepare(board: Board, params: URLSearchParams, start: number, end: number, signal: AbortSignal) {
  const names = namesOf(board);
  const [present, interval] = await Promise.all([
    names.length === 0
      ? Promise.resolve([])
      : get("label/__name__/values", { "match[]": [`{__name__=~"${names.join("|")}"}`], start, end }, signal).then((answer) => answer.data),
    scrapeInterval(signal).then(
      (interval) => interval ?? INTERVAL,
      () => INTERVAL,
    ),
  ]);
  const there = new Set(present);
  return { data: { present: there, interval, resolved: await resolve(board, there, params, start, end, signal) }, warnings: [], infos: [] };
}

export function BoardView({ board, slot }: { board: Board; slot: (variables: preact.ComponentChild) => preact.ComponentChild }) {
  const { start, end } = window_.value;
  const chosen = [...place.value.params].filter(([name]) => name.startsWith("var-"));
  // Choices and recorded series are looked up once for each dashboard, range and choice, not at every look.
  const asked = useAsk((signal) => prepare(board, new URLSearchParams(chosen), start, end, signal), [board, range.value, fixedEnd.value, JSON.stringify(chosen)]);
  const { answer, error, loading, since } = asked.state.value;
  const ready = answer?.data;
  const places = useMemo(() => new Places(), [board]);
  const scene = useMemo((): Scene | undefined => {
    if (ready === undefined) return undefined;
    // Points beside each other are an eighth of an inch apart; a step below the scrapes' would show nothing more.
    const step = Math.max(stepFor(end - start), Math.min(ready.interval, Math.max(1, (end - start) / 20)) | 0 || 1);
    const values = windowValues(start, end, step, ready.interval);
    for (const one of ready.resolved) values.set(one.variable.name, meaning(one));
    return { board, values, present: ready.present, start, end, step };
  }, [ready, start, end, board]);
  return (
    <>
      {slot(ready && <Variables resolved={ready.resolved} />)}
      <div class="page-body dash" aria-busy={loading && ready === undefined}>
        {loading && <Loading since={since} cancel={asked.cancel} />}
        {error && <Failed error={error} />}
        {scene && (
          <div class={error ? "dim dash-rows" : "dash-rows"}>
            {board.rows.map((row, i) => (
              <RowView key={`${board.id} ${i}`} row={row} scene={scene} places={places} />
            ))}
          </div>
        )}
      </div>
    </>
  );
}

function RowView({ row, scene, places }: { row: Row; scene: Scene; places: Places }) {
  const [open, setOpen] = useState(row.collapsed !== true);
  const title = fillText(row.title, scene.values);
  return (
    <>
      {row.title !== "" && (
        <div class="section">
          <h2>
            {row.collapsed === undefined ? (
              title
            ) : (
              <button type="button" class="bare" aria-expanded={open} onClick={() => setOpen(!open)}>
                {open ? "▾" : "▸"} {title}
              </button>
            )}
          </h2>
        </div>
      )}
      {open && (
        <div class="dash-grid">
          {row.panels.map((panel, i) => (
            <PanelView key={i} panel={panel} scene={scene} places={places} />
          ))}
        </div>
      )}
    </>
  );
}
