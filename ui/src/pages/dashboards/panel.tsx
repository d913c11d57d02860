// A panel: head with title and menu, and its picture or what stands in its place.

import { useMemo, useRef, useState } from "preact/hooks";
import type { Answer } from "../../api/client";
import { Failed, Loading, RemarksList, useOld } from "../../parts/states";
import { printDuration } from "../../format/time";
import { fixedEnd } from "../../state/range";
import { link } from "../../state/url";
import type { Places } from "./colouring";
import { type Figures, type Ranges, type Ready, type Scene, ready } from "./data";
import { exporterOf, metricsOf } from "./fallback";
import { Bars, Gauge, Stat } from "./figures";
import { Heatmap } from "./heatmap";
import type { Panel } from "./model";
import { askFigures, askRanges } from "./questions";
import { useInView, useWhileSeen } from "./sight";
import { fillText } from "./substitute";
import { TablePanel } from "./table-panel";
import { TimeSeries } from "./timeseries";

type Data = { ranges: Ranges } | { figures: Figures };

/** Heights before the picture is there, so that the page does not jump. */
const ROOM: Record<Panel["kind"], number> = { timeseries: 190, stat: 40, gauge: 110, table: 190, bars: 90, heatmap: 190, text: 20 };

function exploreLink(queries: readonly Ready[], scene: Scene): string {
  const params = new URLSearchParams();
  queries.slice(0, 9).forEach(({ expr }, i) => params.set(`g${i}.expr`, expr));
  params.set("g0.tab", "graph");
  params.set("range", printDuration(scene.end - scene.start));
  if (fixedEnd.value !== undefined) params.set("end", String(scene.end));
  return link("query", params);
}

export function PanelView({ panel, scene, places }: { panel: Panel; scene: Scene; places: Places }) {
  const element = useRef<HTMLElement>(null);
  const seen = useInView(element);
  const [table, setTable] = useState(false);
  const queries = useMemo(() => ready(panel, scene), [panel, scene]);
  const over = panel.kind === "timeseries" || panel.kind === "heatmap";
  const key = JSON.stringify([scene.start, scene.end, scene.step, queries.map(({ expr }) => expr)]);
  const held = useRef<{ scene: Scene; queries: Ready[] }>({ scene, queries });
  const asked = useWhileSeen<Data>(seen && queries.length > 0, key, async (signal): Promise<Answer<Data>> => {
    const at = { scene, queries };
    if (over) {
      const answer = await askRanges(queries, scene, signal);
      held.current = at;
      return { ...answer, data: { ranges: answer.data } };
    }
    const answer = await askFigures(queries, panel.reduce, scene, signal);
    held.current = at;
    return { ...answer, data: { figures: answer.data } };
  });
  const { answer, error, loading, since } = asked.state.value;
  const old = useOld(asked.state.value);
  const title = fillText(panel.title, scene.values);
  return (
    <section ref={element} class={`panel dash-${panel.kind}`} style={{ "--span": String(panel.width) }} aria-label={panel.detail ? `${title}, ${panel.detail}` : title} aria-busy={seen && loading && queries.length > 0}>
      <header>
        <h3>{queries.length === 0 ? title : <a href={exploreLink(queries, scene)}>{title}</a>}</h3>
        {panel.detail && <span class="u">{panel.detail}</span>}
        {queries.length > 0 && <Menu queries={queries} scene={scene} title={title} table={over ? table : undefined} onTable={() => setTable(!table)} />}
      </header>
      <div class="show" style={{ minHeight: answer || error ? undefined : `${ROOM[panel.kind]}px` }}>
        {seen && loading && queries.length > 0 && <Loading since={since} cancel={asked.cancel} />}
        {panel.kind === "text" && <p class="dash-prose">{fillText(panel.text ?? "", scene.values)}</p>}
        {error && !(error.kind === "offline" && answer) && <Failed error={error} {...(queries.length === 1 && queries[0] ? { query: queries[0].expr } : {})} />}
        {answer && (
          <div class={error || old ? "dim" : undefined}>
            <RemarksList remarks={answer} />
            <Body panel={panel} data={answer.data} {...held.current} places={places} table={table} />
          </div>
        )}
      </div>
    </section>
  );
}

function Body({ panel, data, scene, queries, places, table }: { panel: Panel; data: Data; scene: Scene; queries: Ready[]; places: Places; table: boolean }) {
  const all = "ranges" in data ? data.ranges : data.figures;
  if (all.every((one) => one.length === 0)) return <Nothing queries={queries} scene={scene} />;
  if ("ranges" in data) {
    if (panel.kind === "heatmap" && !table) return <Heatmap panel={panel} scene={scene} queries={queries} data={data.ranges} />;
    return <TimeSeries panel={panel} scene={scene} queries={queries} data={data.ranges} places={places} table={table} />;
  }
  const props = { panel, scene, queries, data: data.figures };
  if (panel.kind === "table") return <TablePanel {...props} />;
  if (panel.kind === "gauge") return <Gauge {...props} />;
  if (panel.kind === "bars") return <Bars {...props} />;
  return <Stat {...props} />;
}

/** Names the metric that is missing, and who has it. */
function Nothing({ queries, scene }: { queries: readonly Ready[]; scene: Scene }) {
  const metrics = [...new Set(queries.flatMap(({ expr }) => metricsOf(expr)))];
  const missing = metrics.filter((name) => !scene.present.has(name));
  const [first] = missing;
  if (first === undefined) {
    return <div class="state small">The series that it is made of are there, but none has these labels in this window. Rates need two scrapes.</div>;
  }
  const exporter = exporterOf(first);
  return (
    <div class="state small">
      <div>
        No <code>{first}</code> in this window{missing.length > 1 && `, nor ${missing.length - 1} more`}.
      </div>
      {exporter && <div class="t3">It comes from {exporter}.</div>}
    </div>
  );
}

function Menu({ queries, scene, title, table, onTable }: { queries: readonly Ready[]; scene: Scene; title: string; table: boolean | undefined; onTable: () => void }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => {
    if (menu.current) menu.current.open = false;
  };
  // Whoever came by a key goes on by keys.
  const back = () => {
    close();
    menu.current?.querySelector("summary")?.focus();
  };
  return (
    <details
      ref={menu}
      class="dash-menu"
      onKeyDown={(event) => event.key === "Escape" && (event.preventDefault(), back())}
      onFocusOut={(event) => event.relatedTarget instanceof Node && !menu.current?.contains(event.relatedTarget) && close()}
    >
      <summary aria-label={`Menu of ${title}`}>⋯</summary>
      <div class="popover">
        <div class="acts">
          <a class="btn small" href={exploreLink(queries, scene)}>
            Explore
          </a>
          {table !== undefined && (
            <button type="button" class="btn small" aria-pressed={table} onClick={() => (onTable(), back())}>
              {table ? "As chart" : "As table"}
            </button>
          )}
        </div>
        {queries.map(({ expr, source, query }, i) => (
          <div key={i} class="dash-query">
            <span class="t3">
              {query.legend && !query.legend.includes("{{") ? `${query.legend} · ` : ""}
              {source}
            </span>
            <code>{expr}</code>
          </div>
        ))}
      </div>
    </details>
  );
}
