// Known questions, ready answers.

import { useEffect, useState } from "preact/hooks";
import { Empty } from "../../parts/states";
import { TimeBar } from "../../parts/timebar";
import { link, place } from "../../state/url";
import { BoardView } from "./board";
import { BUILTIN, type Entry, builtin } from "./builtin";
import { Importer } from "./importer";
import type { Board } from "./model";
import { Notes } from "./notes";
import { PickBoard } from "./pick";
import { type Stored, remove, stored } from "./store";
import { convert, type Converted } from "./grafana";
import "./dashboards.css";

/** Groups in the order of the list. */
const OWN = "Imported";

interface Loaded {
  id: string;
  board: Board | undefined;
  converted?: Converted;
}

async function load(id: string): Promise<Loaded> {
  const one = stored.peek().find((kept) => kept.id === id);
  if (one === undefined) return { id, board: await builtin(id) };
  const converted = convert(one.text, id);
  return { id, board: converted.board, converted };
}

export default function Dashboards() {
  const id = place.value.params.get("d") ?? undefined;
  const [loaded, setLoaded] = useState<Loaded | undefined>();
  useEffect(() => {
    if (id === undefined) return;
    let current = true;
    load(id).then(
      (one) => current && setLoaded(one),
      () => current && setLoaded({ id, board: undefined }),
    );
    return () => {
      current = false;
    };
  }, [id]);
  const own = stored.value.map((one): Entry => ({ id: one.id, title: one.title, group: OWN }));
  const entries = [...own, ...BUILTIN];
  const bar = (variables: preact.ComponentChild) => (
    <div class="bar">
      <h1>Dashboards</h1>
      <PickBoard entries={entries} id={id} />
      {variables}
      <span class="sp" />
      <TimeBar />
    </div>
  );
  if (id === undefined) {
    return (
      <>
        {bar(null)}
        <List entries={entries} />
      </>
    );
  }
  if (loaded?.id !== id) return bar(null);
  if (loaded.board === undefined) {
    return (
      <>
        {bar(null)}
        <div class="page-body">
          <Empty title="There is no such dashboard">
            <div class="t2">One that was imported is kept in the browser that imported it.</div>
            <a class="btn" href={link("dashboards")}>
              All dashboards
            </a>
          </Empty>
        </div>
      </>
    );
  }
  return (
    <BoardView
      key={id}
      board={loaded.board}
      slot={(variables) => (
        <>
          {bar(variables)}
          {loaded.converted && <Notes converted={loaded.converted} kept={stored.value.find((one) => one.id === id)} />}
        </>
      )}
    />
  );
}

function List({ entries }: { entries: readonly Entry[] }) {
  const groups = [...new Set(entries.map((entry) => entry.group))];
  return (
    <div class="page-body">
      {groups.map((group) => (
        <section key={group} class="panel" aria-label={group}>
          <header>
            <h2>{group}</h2>
          </header>
          <ul class="dash-list">
            {entries
              .filter((entry) => entry.group === group)
              .map((entry) => (
                <li key={entry.id}>
                  <a href={link("dashboards", { d: entry.id })}>{entry.title}</a>
                  {group === OWN && <Kept one={stored.value.find((kept) => kept.id === entry.id)} />}
                </li>
              ))}
          </ul>
        </section>
      ))}
      <Importer />
    </div>
  );
}

function Kept({ one }: { one: Stored | undefined }) {
  if (one === undefined) return null;
  return (
    <button type="button" class="btn small ghost" aria-label={`Remove ${one.title}`} onClick={() => remove(one.id)}>
      Remove
    </button>
  );
}
