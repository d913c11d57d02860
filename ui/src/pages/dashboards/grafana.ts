// Grafana's JSON as a dashboard of ours. It comes from anywhere: every field is looked at before it is used, everything is
// bounded, and texts stay texts. What cannot be drawn is named.

import type { Unit } from "../../format/numbers";
import { unitOf } from "./grafana-units";
import type { Board, Kind, Level, Override, Panel, Query, Row, Step, Transformation, Variable } from "./model";
import { TEXT_MAX } from "./store";
import { ALL } from "./substitute";
import { KNOWN, reducerOf } from "./transform";
import { lookup } from "./variables";

export interface Converted {
  board?: Board;
  error?: string;
  /** What is not as in Grafana, in words. */
  notes: string[];
}

const PANELS_MAX = 300;
const QUERIES_MAX = 26;
const VARIABLES_MAX = 50;
const LIST_MAX = 500;
const STRING_MAX = 20_000;
const NOTES_MAX = 100;

type Json = Record<string, unknown>;

/** Ways of drawing thresholds over lines; `off` and `series` are none. */
const DRAWN_THRESHOLDS = /^(line|dashed|area)/;

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function own(value: unknown, key: string): unknown {
  const held = object(value);
  return Object.hasOwn(held, key) ? held[key] : undefined;
}

/** The value at the end of a path. */
function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(own, value);
}

function list(value: unknown, most = LIST_MAX): unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : [];
}

function string(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value.slice(0, STRING_MAX) : otherwise;
}

function number(value: unknown): number | undefined {
  const read = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof read === "number" && Number.isFinite(read) ? read : undefined;
}

const KINDS: Record<string, Kind> = {
  timeseries: "timeseries",
  graph: "timeseries",
  stat: "stat",
  singlestat: "stat",
  gauge: "gauge",
  bargauge: "bars",
  table: "table",
  "table-old": "table",
  heatmap: "heatmap",
  text: "text",
};

/** Turns a dashboard's JSON into one of ours. */
export function convert(text: string, id?: string): Converted {
  if (text.length > TEXT_MAX) return { error: `It is longer than ${TEXT_MAX >> 20} MiB.`, notes: [] };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { error: `It is no JSON: ${error instanceof Error ? error.message : String(error)}`, notes: [] };
  }
  // The API wraps it; an export does not.
  const source = Array.isArray(own(json, "panels")) || Array.isArray(own(json, "rows")) ? json : own(json, "dashboard");
  if (!Array.isArray(own(source, "panels")) && !Array.isArray(own(source, "rows"))) return { error: "It is no Grafana dashboard: it has neither “panels” nor “rows”.", notes: [] };
  const notes: string[] = [];
  const title = string(own(source, "title"), "Untitled").slice(0, 200) || "Untitled";
  const note = (words: string) => {
    if (notes.length < NOTES_MAX && !notes.includes(words)) notes.push(words);
  };
  const variables = list(at(source, "templating", "list"), VARIABLES_MAX).flatMap((one) => variable(one, note));
  const rows = rowsOf(source, note);
  if (list(at(source, "annotations", "list")).some((one) => own(one, "builtIn") !== 1 && own(one, "enable") === true)) note("Annotations are not drawn.");
  const uid = string(own(source, "uid")).replace(/[^\w-]/g, "").slice(0, 60) || slug(title);
  return { board: { id: id ?? `own-${uid}`, title, group: "Imported", variables, rows, raw: {} }, notes };
}

function slug(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60) || "dashboard";
}

type Note = (words: string) => void;

/** Values as Grafana writes them: one, or several. */
function strings(value: unknown): string[] {
  return (Array.isArray(value) ? value.slice(0, LIST_MAX) : [value]).flatMap((one) => (typeof one === "string" || typeof one === "number" ? [string(String(one))] : []));
}

function variable(source: unknown, note: Note): Variable[] {
  const name = string(own(source, "name")).slice(0, 100);
  if (!/^\w+$/.test(name)) return [];
  const label = string(own(source, "label"));
  const current = strings(at(source, "current", "value"));
  const listed = list(own(source, "options")).flatMap((option) => strings(own(option, "value"))).filter((value) => value !== ALL);
  const query = own(source, "query");
  const text = typeof query === "string" ? string(query) : string(own(query, "query"));
  const multi = own(source, "multi") === true;
  const all = own(source, "includeAll") === true;
  const allValue = string(own(source, "allValue"));
  const one: Variable = {
    name,
    ...(label === "" ? {} : { label }),
    ...(multi ? { multi } : {}),
    ...(all ? { all } : {}),
    ...(allValue === "" ? {} : { allValue }),
    ...(own(source, "hide") === 2 || own(source, "hide") === "hideVariable" ? { hidden: true } : {}),
    ...(current.length === 0 ? {} : { initial: current.map((value) => (value === "All" && all ? ALL : value)) }),
  };
  switch (own(source, "type")) {
    case "query": {
      const regex = string(own(source, "regex"));
      if (lookup(text) === undefined) {
        note(`Variable ${name}: its query is none that is known; it keeps the values it was saved with.`);
        return [{ ...one, options: [...new Set([...listed, ...current.filter((value) => value !== ALL)])] }];
      }
      return [{ ...one, values: text, ...(regex === "" ? {} : { regex }) }];
    }
    case "custom":
      return [{ ...one, options: listed.length > 0 ? listed : commas(text) }];
    case "interval": {
      const options = (listed.length > 0 ? listed : commas(text)).filter((value) => !value.startsWith("$__auto") && value !== "auto");
      return [{ ...one, options }];
    }
    case "constant":
      return [{ ...one, options: [text], hidden: true }];
    case "textbox":
      return [{ ...one, free: true, initial: current.length > 0 ? current : [text] }];
    case "datasource":
      // There is one: this server.
      return [{ ...one, options: ["narthex"], hidden: true, multi: false, all: false }];
    default:
      note(`Variable ${name} is of the kind ${string(own(source, "type"), "unknown")}; it keeps the values it was saved with.`);
      return [{ ...one, options: current.length > 0 ? current : listed }];
  }
}

/** Values between commas, as `name : value` or plain. */
function commas(text: string): string[] {
  return text
    .split(/(?<!\\),/)
    .slice(0, LIST_MAX)
    .map((part) => (/^[^:]+ : (.*)$/.exec(part.trim())?.[1] ?? part).replace(/\\,/g, ",").trim())
    .filter((part) => part !== "");
}

function rowsOf(source: unknown, note: Note): Row[] {
  let left = PANELS_MAX;
  const take = (panels: unknown, old?: Json): Panel[] =>
    list(panels, LIST_MAX).flatMap((one) => {
      if (left <= 0) {
        note(`Only the first ${PANELS_MAX} panels are taken.`);
        return [];
      }
      left -= 1;
      return panel(one, note, old);
    });
  const oldRows = list(own(source, "rows"));
  if (oldRows.length > 0) {
    return oldRows.map((row) => ({
      title: own(row, "showTitle") === false ? "" : string(own(row, "title")),
      panels: take(own(row, "panels"), object(row)),
      ...(own(row, "collapse") === true ? { collapsed: true } : {}),
    }));
  }
  const rows: Row[] = [{ title: "", panels: [] }];
  for (const one of byPlace(list(own(source, "panels")))) {
    if (own(one, "type") !== "row") {
      rows[rows.length - 1]?.panels.push(...take([one]));
      continue;
    }
    if (string(own(one, "repeat")) !== "") note(`Row ${string(own(one, "title"))} is drawn once, not for each value of ${string(own(one, "repeat"))}.`);
    rows.push({ title: string(own(one, "title")), panels: take(byPlace(list(own(one, "panels")))), collapsed: own(one, "collapsed") === true });
  }
  return rows.filter((row) => row.panels.length > 0);
}

/** In the order of reading. */
function byPlace(panels: unknown[]): unknown[] {
  const place = (one: unknown, axis: string) => number(at(one, "gridPos", axis)) ?? 0;
  return [...panels].sort((a, b) => place(a, "y") - place(b, "y") || place(a, "x") - place(b, "x"));
}

function panel(source: unknown, note: Note, row?: Json): Panel[] {
  const title = string(own(source, "title")).slice(0, 300);
  const type = string(own(source, "type"), "unknown");
  const say: Note = (words) => note(`Panel ${title === "" ? "without a title" : `“${title}”`}: ${words}`);
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  const width = Math.min(24, Math.max(3, number(at(source, "gridPos", "w")) ?? (number(own(source, "span")) ?? 6) * 2));
  if (kind === undefined) {
    say(`a ${type.slice(0, 60)} cannot be drawn.`);
    return [{ title, kind: "text", unit: "number", width, queries: [], text: `A ${type.slice(0, 60)} panel cannot be drawn here.` }];
  }
  if (kind === "text") {
    const text = string(at(source, "options", "content"), string(own(source, "content")));
    if (/[<]\w|\]\(|^#/m.test(text)) say("its text is shown as it is written, not as Markdown or HTML.");
    return [{ title, kind, unit: "number", width, queries: [], text }];
  }
  if (string(own(source, "repeat")) !== "") say(`drawn once, not for each value of ${string(own(source, "repeat"))}.`);
  if (own(source, "libraryPanel") !== undefined) say("it is a library panel, whose content is not in the file.");
  if (string(own(source, "timeFrom")) !== "" || string(own(source, "timeShift")) !== "") say("its own range of time is not used.");
  const defaults = at(source, "fieldConfig", "defaults");
  const format = string(own(defaults, "unit"), string(own(source, "format"), string(at(list(own(source, "yaxes"))[0], "format"))));
  const unit = unitOrNote(format, say);
  const steps = stepsOf(source, defaults);
  const options = own(source, "options");
  const rowHeight = number(String(own(row, "height") ?? "").replace(/px$/, ""));
  const height = number(at(source, "gridPos", "h"));
  const decimals = number(own(defaults, "decimals")) ?? number(own(source, "decimals"));
  const min = number(own(defaults, "min")) ?? number(at(source, "gauge", "minValue"));
  const max = number(own(defaults, "max")) ?? number(at(source, "gauge", "maxValue")) ?? number(at(list(own(source, "yaxes"))[0], "max"));
  const custom = own(defaults, "custom");
  const stacking = string(at(custom, "stacking", "mode"));
  const reducer = reducerOf(list(at(options, "reduceOptions", "calcs"))[0]) ?? reducerOf(own(source, "valueName"));
  const transformations = list(own(source, "transformations"), 50).flatMap((one): Transformation[] => {
    const id = string(own(one, "id"));
    if (own(one, "disabled") === true) return [];
    const lines = kind === "timeseries" && id !== "renameByRegex";
    if (!KNOWN.has(id) || lines) {
      say(`the transformation ${id.slice(0, 60)} is not carried out.`);
      return [];
    }
    return [{ id, options: object(own(one, "options")) }];
  });
  const gauge = type === "singlestat" && at(source, "gauge", "show") === true;
  return [
    {
      title,
      kind: gauge ? "gauge" : kind,
      unit,
      width,
      ...(height !== undefined ? { height: Math.min(800, Math.max(60, height * 30 - 80)) } : rowHeight !== undefined ? { height: Math.min(800, Math.max(60, rowHeight - 80)) } : {}),
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
      ...(decimals === undefined ? {} : { decimals: Math.min(10, Math.max(0, Math.floor(decimals))) }),
      ...(stacking === "normal" || stacking === "percent" || own(source, "stack") === true ? { stacked: true } : {}),
      ...(string(own(custom, "drawStyle")) === "points" ? { points: true } : {}),
      ...(string(at(custom, "scaleDistribution", "type")) === "log" || at(list(own(source, "yaxes"))[0], "logBase") === 10 ? { log: true } : {}),
      ...(steps.length === 0 ? {} : { thresholds: steps }),
      ...(kind === "timeseries" && DRAWN_THRESHOLDS.test(string(at(custom, "thresholdsStyle", "mode"))) ? { bounded: true } : {}),
      ...(reducer === undefined || reducer === "last" ? {} : { reduce: reducer }),
      queries: queriesOf(source, say),
      overrides: [...overridesOf(source, say), ...stylesOf(source, say)],
      transformations,
    },
  ];
}

function unitOrNote(format: string, say: Note): Unit {
  const unit = unitOf(format);
  if (unit === undefined) say(`the unit ${format.slice(0, 60)} is shown as a plain number.`);
  return unit ?? "number";
}

function queriesOf(source: unknown, say: Note): Query[] {
  const all = list(own(source, "targets"), QUERIES_MAX).filter((one) => own(one, "hide") !== true);
  return all.flatMap((one): Query[] => {
    const expr = string(own(one, "expr"));
    const id = string(own(one, "refId")).slice(0, 20);
    if (expr.trim() === "") {
      const kind = string(at(one, "datasource", "type"));
      say(`query ${id} is no PromQL${kind === "" ? "" : ` (${kind.slice(0, 60)})`}.`);
      return [];
    }
    const legend = string(own(one, "legendFormat"));
    return [{ expr, ...(legend === "" ? {} : { legend }), ...(id === "" ? {} : { id }) }];
  });
}

/** Grafana's colours as levels: green is well, red is bad, what lies between is a warning. */
function levelOfColour(colour: string): Level | undefined {
  const text = colour.toLowerCase();
  if (/red|#e?f?2495c|#d44a3a|#c4162a|#bf1b00|rgba?\(245, ?54, ?54/.test(text)) return "crit";
  if (/orange|yellow|#ff9830|#fade2a|#ed8128|rgba?\(237, ?129, ?40/.test(text)) return "warn";
  return "ok";
}

function stepList(steps: unknown): Step[] {
  return list(steps, 20).flatMap((step): Step[] => {
    const level = levelOfColour(string(own(step, "color")));
    const value = own(step, "value");
    const from = value === null || value === undefined ? -Infinity : number(value);
    return from === undefined || level === undefined ? [] : [{ from, level }];
  });
}

function stepsOf(source: unknown, defaults: unknown): Step[] {
  const steps = stepList(at(defaults, "thresholds", "steps"));
  // Percentages of the range need its ends.
  const low = number(own(defaults, "min"));
  const high = number(own(defaults, "max"));
  if (at(defaults, "thresholds", "mode") === "percentage") {
    if (low === undefined || high === undefined) return [];
    return steps.map((step) => ({ ...step, from: step.from === -Infinity ? step.from : low + ((high - low) * step.from) / 100 }));
  }
  // Old panels: `80,90` and three colours.
  const text = own(source, "thresholds");
  if (typeof text === "string" && text !== "") {
    const colours = list(own(source, "colors"), 3).map((colour) => levelOfColour(string(colour)));
    const [a, b] = text.split(",").map((part) => number(part));
    const from = [-Infinity, a, b];
    return colours.flatMap((level, i): Step[] => {
      const value = from[i];
      return level === undefined || value === undefined ? [] : [{ from: value, level }];
    });
  }
  return steps;
}

function overridesOf(source: unknown, say: Note): Override[] {
  return list(at(source, "fieldConfig", "overrides"), 100).flatMap((one): Override[] => {
    const id = string(at(one, "matcher", "id"));
    const options = at(one, "matcher", "options");
    const matcher: Override | undefined =
      id === "byName" ? { name: string(options) } : id === "byRegexp" ? { pattern: string(options) } : id === "byFrameRefID" ? { query: string(options) } : undefined;
    if (matcher === undefined) {
      say(`an override by ${id.slice(0, 60)} is left out.`);
      return [];
    }
    for (const property of list(own(one, "properties"), 50)) {
      const value = own(property, "value");
      switch (string(own(property, "id"))) {
        case "unit":
          matcher.unit = unitOrNote(string(value), say);
          break;
        case "displayName":
          matcher.title = string(value).slice(0, 300);
          break;
        case "decimals":
          matcher.decimals = Math.min(10, Math.max(0, Math.floor(number(value) ?? 0)));
          break;
        case "thresholds":
          matcher.thresholds = stepList(own(value, "steps"));
          break;
        case "custom.hidden":
          matcher.hidden = value === true;
          break;
        case "custom.hideFrom":
          matcher.hidden = own(value, "viz") === true;
          break;
      }
    }
    return [matcher];
  });
}

/** Columns of old tables. */
function stylesOf(source: unknown, say: Note): Override[] {
  return list(own(source, "styles"), 100).map((style): Override => {
    const pattern = string(own(style, "pattern"));
    const alias = string(own(style, "alias"));
    const unit = string(own(style, "unit"));
    return {
      ...(/^\/.*\/$/.test(pattern) ? { pattern } : { name: pattern }),
      ...(alias === "" ? {} : { title: alias }),
      ...(unit === "" || own(style, "type") !== "number" ? {} : { unit: unitOrNote(unit, say) }),
      ...(own(style, "type") === "hidden" ? { hidden: true } : {}),
    };
  });
}
