// The frame around every page: the rail, keys, the sheet of keys, going to anything.

import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { count, format } from "../format/numbers";
import { Icon, Logo } from "../parts/icons";
import { Empty, Offline, OtherClock } from "../parts/states";
import { refresh, shift, zoom } from "../state/range";
import { folded, theme, utc } from "../state/settings";
import { go, link, place, setParams } from "../state/url";
import { useFacts } from "./facts";
import { GoTo } from "./goto";
import { useKeys } from "../parts/keys";
import { PAGES, type Page, pageOf } from "./pages";
import { Sheet } from "./sheet";

export function Shell() {
  const page = pageOf(place.value.path);
  const [going, setGoing] = useState(false);
  const [sheet, setSheet] = useState(false);
  useKeys({
    ...Object.fromEntries(PAGES.map((one) => [`g ${one.key}`, () => go(link(one.path))])),
    "mod+k": () => setGoing(true),
    "?": () => setSheet(true),
    "[": () => (folded.value = !folded.value),
    u: () => (utc.value = !utc.value),
    r: refresh,
    "/": () => document.querySelector<HTMLElement>("[data-filter], main .cm-content")?.focus(),
    j: () => focusRow("first"),
    k: () => focusRow("last"),
    t: () => document.querySelector<HTMLElement>('[data-key="t"]')?.click(),
    ArrowLeft: () => shift(-0.5),
    ArrowRight: () => shift(0.5),
    "-": () => zoom(2),
    "+": () => zoom(0.5),
    "0": () => setParams({ end: null }),
    l: () => (theme.value = theme.value === "dark" ? "light" : "dark"),
  });
  useEffect(() => {
    document.getElementById("app")?.classList.toggle("folded", folded.value);
  }, [folded.value]);
  useEffect(() => {
    document.title = page ? `${page.title} · narthex` : "narthex";
  }, [page]);
  return (
    <>
      <Rail current={page} onGoTo={() => setGoing(true)} />
      <main id="main">
        <Offline />
        <OtherClock />
        {page ? <Lazy key={page.path} page={page} /> : <Lost />}
      </main>
      {going && <GoTo close={() => setGoing(false)} />}
      {sheet && <Sheet close={() => setSheet(false)} />}
    </>
  );
}

/** From anywhere to the rows of a table that something can be done with. */
function focusRow(which: "first" | "last"): void {
  const rows = document.querySelectorAll<HTMLElement>('main tr[data-row][tabindex="0"]');
  rows[which === "first" ? 0 : rows.length - 1]?.focus();
}

function Lazy({ page }: { page: Page }) {
  const [loaded, setLoaded] = useState<FunctionComponent | undefined>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    page.load().then(
      (module) => setLoaded(() => module.default),
      () => setFailed(true),
    );
  }, [page]);
  if (failed) return <Empty title="This part of the page could not be loaded. The server may have been replaced: load the page anew." />;
  const Body = loaded;
  return Body ? <Body /> : null;
}

function Lost() {
  return (
    <div class="page-body">
      <Empty title="There is no such page">
        <a href={link("")}>Overview</a>
      </Empty>
    </div>
  );
}

function Rail({ current, onGoTo }: { current: Page | undefined; onGoTo: () => void }) {
  const facts = useFacts().answer?.data;
  const notes: Record<string, { text: string; critical: boolean } | undefined> = {
    targets: facts && facts.down > 0 ? { text: `${facts.down} down`, critical: true } : undefined,
    alerts: facts && facts.firing > 0 ? { text: `${facts.firing} firing`, critical: true } : undefined,
  };
  return (
    <nav class="rail" aria-label="Pages">
      <a class="brand" href={link("")}>
        <Logo />
        <span class="label">narthex</span>
      </a>
      <button type="button" class="goto" onClick={onGoTo}>
        <span>Go to…</span>
        <kbd>{navigator.platform.startsWith("Mac") ? "⌘ K" : "Ctrl K"}</kbd>
      </button>
      {PAGES.map((page) => {
        const note = notes[page.path];
        return (
          <a key={page.path} class="page" href={link(page.path)} aria-current={page === current ? "page" : undefined} title={page.title}>
            <Icon name={page.icon} />
            <span class="label">{page.title}</span>
            {note && <span class={`n${note.critical ? " crit" : ""}`}>{note.text}</span>}
          </a>
        );
      })}
      <div class="foot">
        <span>series</span>
        <b>{facts?.series === undefined ? "–" : count(facts.series)}</b>
        {facts?.rate !== undefined && (
          <>
            <span>samples/s</span>
            <b>{count(Math.round(facts.rate))}</b>
          </>
        )}
        {facts?.disk !== undefined && (
          <>
            <span>disk</span>
            <b>{format(facts.disk, "bytes")}</b>
          </>
        )}
        <span>version</span>
        <b>{facts?.version ?? "–"}</b>
      </div>
    </nav>
  );
}
