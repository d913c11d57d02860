// What is true about this metric?

import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import type { ChartProps } from "../../charts/chart";
import { parseDuration, printDuration } from "../../format/time";
import { useKeys } from "../../parts/keys";
import { TimeBar } from "../../parts/timebar";
import { refresh, stepFor, window_ } from "../../state/range";
import { place, setParams } from "../../state/url";
import { Editor } from "./editor";
import "./explore.css";
import { Explain } from "./explain";
import { Graph } from "./graph";
import { HintList } from "./hints/hint-list";
import { Raw } from "./raw";
import { QUERIES_MAX, type Query, type Tab, adoptWindow, history, readQueries, readTab, remember, writeQueries } from "./state";
import { TableView } from "./table-view";

const TABS: readonly [Tab, string][] = [
  ["graph", "Graph"],
  ["table", "Table"],
  ["raw", "Raw samples"],
  ["explain", "Explain"],
];
const FORMS: readonly [NonNullable<ChartProps["form"]>, string][] = [
  ["lines", "Lines"],
  ["stacked", "Stacked"],
  ["points", "Points"],
];
const SCALES: readonly [NonNullable<ChartProps["scale"]>, string][] = [
  ["zero", "From 0"],
  ["fit", "Fit"],
  ["log", "Log"],
];

/** A, B, C … */
const letter = (i: number) => String.fromCharCode(65 + i);

export default function Explore() {
  const { params } = place.value;
  const shown = readQueries(params);
  const tab = readTab(params);
  // What is written and not yet run.
  const [drafts, setDrafts] = useState<Query[]>(shown);
  const [form, setForm] = useState<NonNullable<ChartProps["form"]>>("lines");
  const [scale, setScale] = useState<NonNullable<ChartProps["scale"]>>("zero");
  const [past, setPast] = useState(-1);
  const key = shown.map((query) => query.text).join("\u0000");
  useEffect(() => setDrafts(shown), [key]);
  useEffect(() => {
    const adopted = adoptWindow(params);
    if (adopted) setParams(adopted);
  }, []);
  const { start, end } = window_.value;
  const own = parseDuration(params.get("step") ?? "");
  const step = own ?? stepFor(end - start);
  const run = (queries: Query[], next: Tab = tab) => {
    queries.forEach((query) => remember(query.text));
    setPast(-1);
    setParams(writeQueries(queries, next), true);
    refresh();
  };
  const change = (at: number, query: Partial<Query>) => drafts.map((draft, i) => (i === at ? { ...draft, ...query } : draft));
  const fromPast = (at: number, direction: 1 | -1) => {
    const kept = history();
    const next = Math.max(-1, Math.min(kept.length - 1, past + direction));
    setPast(next);
    setDrafts(change(at, { text: kept[next] ?? "" }));
  };
  const tidy = async (at: number) => {
    try {
      const { data } = await post("format_query", { query: drafts[at]?.text ?? "" });
      setDrafts(change(at, { text: data }));
    } catch {
      // The editor marks what is wrong.
    }
  };
  useKeys(Object.fromEntries(drafts.map((_, i) => [`mod+${i + 1}`, () => document.querySelectorAll<HTMLElement>("main .cm-content")[i]?.focus()])));
  const visible = shown.map((query, i) => ({ ...query, name: letter(i) })).filter((query) => !query.hidden && query.text.trim() !== "");
  return (
    <>
      <div class="bar">
        <h1>Explore</h1>
        <span class="sp" />
        <TimeBar />
      </div>
      <div class="page-body">
        <section class="panel queries" aria-label="Queries">
          {drafts.map((draft, i) => (
            <div key={i} class="query">
              <div class="letter" aria-hidden="true">
                {letter(i)}
              </div>
              <Editor
                text={draft.text}
                label={`Query ${letter(i)}`}
                onChange={(text) => setDrafts((all) => all.map((one, at) => (at === i ? { ...one, text } : one)))}
                onRun={() => run(drafts)}
                onHistory={(direction) => fromPast(i, direction)}
              />
              <div class="acts">
                <button type="button" class="btn small ghost" onClick={() => void tidy(i)}>
                  Format
                </button>
                <button type="button" class="btn small ghost" aria-pressed={draft.hidden} onClick={() => run(change(i, { hidden: !draft.hidden }))}>
                  {draft.hidden ? "Show" : "Hide"}
                </button>
                {drafts.length > 1 && (
                  <button type="button" class="btn small ghost" aria-label={`Remove query ${letter(i)}`} onClick={() => run(drafts.filter((_, at) => at !== i))}>
                    ✕
                  </button>
                )}
              </div>
              <HintList query={draft.text} onFix={(text) => run(change(i, { text }))} />
            </div>
          ))}
          <div class="run">
            <button type="button" class="btn primary" onClick={() => run(drafts)}>
              Run
            </button>
            {drafts.length < QUERIES_MAX && (
              <button type="button" class="btn" onClick={() => setDrafts([...drafts, { text: "", hidden: false }])}>
                Add query
              </button>
            )}
            <span class="sp" />
            <label class="t3">
              step{" "}
              <input
                class="input step"
                value={own === undefined ? "" : printDuration(own)}
                placeholder={`auto, ${printDuration(step)}`}
                aria-label="Step"
                onChange={(event) => setParams({ step: parseDuration(event.currentTarget.value) === undefined ? null : event.currentTarget.value })}
              />
            </label>
          </div>
        </section>
        <section class="panel" aria-label="Answer">
          <div class="tabs">
            <div class="list" role="tablist" aria-label="Form of the answer" onKeyDown={moveAmongTabs}>
              {TABS.map(([id, title]) => (
                <button key={id} type="button" role="tab" aria-selected={tab === id} onClick={() => run(drafts, id)}>
                  {title}
                </button>
              ))}
            </div>
            {tab === "graph" && (
              <span class="r">
                <Choice label="Form" all={FORMS} value={form} onChange={setForm} />
                <Choice label="Value axis" all={SCALES} value={scale} onChange={setScale} />
              </span>
            )}
          </div>
          {visible.length === 0 && (
            <div class="state">
              <div class="strong">Nothing asked yet</div>
              <div class="t2">
                Write a query and press Enter: <a href="?g0.expr=node_load1&g0.tab=graph">node_load1</a>, <a href="?g0.expr=up&g0.tab=table">up</a>. The editor completes names,
                labels and functions.
              </div>
            </div>
          )}
          {visible.map((query) => (
            <div key={query.name} class="answer" role="tabpanel" aria-label={`Query ${query.name}`}>
              {visible.length > 1 && (
                <div class="answer-head">
                  <b>{query.name}</b> <code class="t2">{query.text}</code>
                </div>
              )}
              {tab === "graph" && <Graph query={query.text} name={query.name} start={start} end={end} step={step} form={form} scale={scale} />}
              {tab === "table" && <TableView query={query.text} start={start} end={end} />}
              {tab === "raw" && <Raw query={query.text} start={start} end={end} />}
              {tab === "explain" && <Explain query={query.text} end={end} />}
            </div>
          ))}
        </section>
      </div>
    </>
  );
}

/** The arrows go from tab to tab; Enter shows one. */
function moveAmongTabs(event: KeyboardEvent): void {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const tabs = [...(event.currentTarget as Element).querySelectorAll<HTMLElement>('[role="tab"]')];
  const at = tabs.indexOf(event.target as HTMLElement);
  tabs[(at + step + tabs.length) % tabs.length]?.focus();
}

function Choice<T extends string>({ label, all, value, onChange }: { label: string; all: readonly [T, string][]; value: T; onChange: (value: T) => void }) {
  return (
    <span class="seg small" role="group" aria-label={label}>
      {all.map(([id, title]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChange(id)}>
          {title}
        </button>
      ))}
    </span>
  );
}
