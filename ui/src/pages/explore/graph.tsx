// Queries over time: one chart for each unit, and a table of all lines below.

import { useMemo, useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { post } from "../../api/client";
import type { ExemplarSeries, QueryStats, RangeData } from "../../api/types";
import { useAlarms } from "../../charts/alarms";
import { Chart, type ChartProps, type Drawn } from "../../charts/chart";
import { COLOURED, stroke, token } from "../../charts/colours";
import { type Figures, type Line, figures, metricText, toCsv, toLines } from "../../charts/series";
import { type Unit, count, duration, format } from "../../format/numbers";
import { unitOfMetric, unitOfQuery } from "../../format/units";
import { Empty, Show } from "../../parts/states";
import { type Column, Table } from "../../parts/table";
import { dark } from "../../state/settings";
import { exemplarsOf, sameAxis } from "./exemplar-list";
import { Exemplars } from "./exemplars";
import { metricNames } from "./names";
import { Why } from "./why";

/** More lines than this are not drawn. */
const DRAWN_MAX = 1000;

type Form = NonNullable<ChartProps["form"]>;
type Scale = NonNullable<ChartProps["scale"]>;

interface Row extends Line, Figures {
  colour: string;
  dash: number[] | undefined;
  place: number;
}

/** Tells a row from the others; made when somebody asks, of thousands of rows few are shown. */
const idOf = (row: Row) => metricText(row.labels);

export function Graph({ query, name, start, end, step, form, scale }: { query: string; name: string; start: number; end: number; step: number; form: Form; scale: Scale }) {
  const asked = useAsk<RangeData>((signal) => post("query_range", { query, start, end, step, stats: "all" }, signal), [query, start, end, step]);
  return (
    <Show
      asked={asked.state.value}
      cancel={asked.cancel}
      query={query}
      empty={(data) => (data.result.length === 0 ? <Why query={query} start={start} end={end} /> : undefined)}
    >
      {(data) => <Picture data={data} query={query} name={name} start={start} end={end} step={step} form={form} scale={scale} />}
    </Show>
  );
}

function Picture({ data, query, name, start, end, step, form, scale }: { data: RangeData; query: string; name: string; start: number; end: number; step: number; form: Form; scale: Scale }) {
  const [alone, setAlone] = useState<ReadonlySet<string>>(new Set());
  const unit = unitOfQuery(query);
  const all = useMemo(() => toLines(data.result, start, end, step), [data, start, end, step]);
  const marked = useAsk<ExemplarSeries[]>((signal) => post("query_exemplars", { query, start, end }, signal), [query, start, end]).state.value.answer?.data;
  const exemplars = useMemo(() => exemplarsOf(marked ?? [], start, end), [marked, start, end]);
  // Without any the chart stays as it is: a large one takes a while to draw anew.
  const dots = useMemo(() => (exemplars.shown.length === 0 ? undefined : exemplars.shown.map(({ time, value }) => ({ time, value: sameAxis(query) ? value : undefined }))), [exemplars, query]);
  const [exemplar, setExemplar] = useState<string | undefined>();
  const dot = exemplars.shown.findIndex(({ id }) => id === exemplar);
  const rows = useMemo(() => {
    const told = all.lines.map((line) => ({ ...line, ...figures(line.values) }));
    // The largest at the end get the colours.
    told.sort((a, b) => (b.last ?? -Infinity) - (a.last ?? -Infinity));
    const grey = token("ctx");
    return told.map((line, place): Row => {
      const { colour, dash } = place < COLOURED ? stroke(place) : { colour: grey, dash: undefined };
      return { ...line, colour, dash, place };
    });
  }, [all, dark.value]);
  const sets = useMemo(() => rows.slice(0, DRAWN_MAX).map((row) => row.labels), [rows]);
  const alarms = useAlarms([query], sets, start, end, step);
  const drawn = useMemo(() => {
    const shown = (alone.size === 0 ? rows : rows.filter((row) => alone.has(idOf(row)))).slice(0, DRAWN_MAX);
    const chosen = alone.size > 0 && token("text-2");
    return shown
      .map((row): Drawn => {
        const grey = row.place >= COLOURED;
        // One that somebody chose is no context.
        return { name: row.name, values: row.values, colour: grey && chosen ? chosen : row.colour, dash: row.dash, context: grey && !chosen };
      })
      .reverse();
  }, [rows, alone]);
  const toggle = (id: string, more: boolean) => {
    const next = new Set(more ? alone : []);
    if (alone.has(id)) next.delete(id);
    else next.add(id);
    setAlone(next);
  };
  return (
    <>
      <Stats stats={data.stats} series={rows.length} drawn={Math.min(rows.length, DRAWN_MAX)} unit={unit} csv={() => toCsv(all)} name={name} />
      <div class="graph">
        <Chart times={all.times} drawn={drawn} unit={unit} height={320} label={`${query}: ${rows.length} series`} form={form} scale={scale} tip bands={alarms.bands} limits={alarms.limits} dots={dots} dot={dot} onDot={(i) => setExemplar(exemplars.shown[i]?.id)} />
      </div>
      {exemplars.shown.length > 0 && <Exemplars {...exemplars} chosen={exemplar} onChoose={setExemplar} unit={unitOfExemplars(query)} />}
      <Legend rows={rows} common={all.common} unit={unit} alone={alone} onToggle={toggle} />
    </>
  );
}

/** Exemplars of buckets hold what was observed, not how often. */
function unitOfExemplars(query: string): Unit {
  const [name] = metricNames(query);
  return name === undefined ? "number" : unitOfMetric(name.replace(/_bucket$/, ""));
}

function Stats({ stats, series, drawn, unit, csv, name }: { stats: QueryStats | undefined; series: number; drawn: number; unit: Unit; csv: () => string; name: string }) {
  const seconds = stats?.timings?.["evalTotalTime"];
  const read = stats?.samples?.totalQueryableSamples;
  const save = () => {
    const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    const anchor = Object.assign(document.createElement("a"), { href: url, download: `${name}.csv` });
    anchor.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div class="query-stats">
      <span>
        <b>{drawn < series ? `${count(drawn)} of ${count(series)}` : count(series)}</b> series{drawn < series && " drawn"}
      </span>
      {read !== undefined && (
        <span>
          <b>{count(read)}</b> samples read
        </span>
      )}
      {seconds !== undefined && <b>{duration(seconds)}</b>}
      <span class="sp" />
      {unit !== "number" && <span>{unit}</span>}
      <button type="button" class="btn small ghost" onClick={save}>
        CSV
      </button>
    </div>
  );
}

function Legend({ rows, common, unit, alone, onToggle }: { rows: readonly Row[]; common: Record<string, string>; unit: Unit; alone: ReadonlySet<string>; onToggle: (id: string, more: boolean) => void }) {
  const columns = useMemo((): Column<Row>[] => {
    const number = (id: "last" | "min" | "mean" | "max"): Column<Row> => ({
      id,
      head: id,
      right: true,
      by: (row) => row[id] ?? NaN,
      cell: (row) => <span class={id === "last" ? "med" : "t2"}>{row[id] === null ? "–" : format(row[id] ?? NaN, unit)}</span>,
    });
    return [
      {
        id: "name",
        head: Object.keys(common).length === 0 ? "series" : <>series · same for all: {metricText(common)}</>,
        by: (row) => row.name,
        cell: (row) => (
          <span title={idOf(row)}>
            <i class="swatch" style={{ background: row.colour }} />
            {row.name}
          </span>
        ),
      },
      number("last"),
      number("min"),
      number("mean"),
      number("max"),
    ];
  }, [unit, common]);
  if (rows.length === 0) return <Empty title="No series" />;
  return (
    <Table
      rows={rows}
      columns={columns}
      keyOf={idOf}
      label="Series"
      onRow={(row, more) => onToggle(idOf(row), more)}
      selected={(row) => alone.size > 0 && alone.has(idOf(row))}
    />
  );
}
