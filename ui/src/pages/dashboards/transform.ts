// Tables as Grafana's transformations know them: fields with values, changed step by step.

import type { Figures, Ready } from "./data";
import { legend, reduced } from "./data";
import type { Reducer, Transformation } from "./model";
import { patternOf } from "./overrides";

export type Cell = string | number | null;

export interface Field {
  name: string;
  values: Cell[];
  /** The letter of the query that gave it. */
  query?: string | undefined;
  time?: boolean;
}

export type Frame = Field[];

/** More rows than these are cut off. */
const ROWS_MAX = 10_000;

/** A frame for each answer: time, labels, value. */
export function framesOf(queries: readonly Ready[], data: Figures, time: number): Frame[] {
  return data.map((elements, i) => {
    const rows = elements.slice(0, ROWS_MAX);
    const { id, legend: template } = queries[i]?.query ?? {};
    const names = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))].filter((name) => name !== "__name__").sort();
    const alone = data.length === 1;
    const own = rows[0] && legend(template, rows[0].labels);
    return [
      { name: "Time", values: rows.map(() => time), time: true, query: id },
      ...names.map((name): Field => ({ name, values: rows.map(({ labels }) => labels[name] ?? null), query: id })),
      { name: own !== undefined && rows.length === 1 ? own : alone ? "Value" : `Value #${id ?? String.fromCharCode(65 + i)}`, values: rows.map(({ value }) => value), query: id },
    ];
  });
}

function isNumeric(field: Field): boolean {
  return !field.time && field.values.some((value) => typeof value === "number");
}

/** One frame of several: rows with the same texts become one. */
export function merge(frames: readonly Frame[]): Frame {
  const names = [...new Set(frames.flat().map((field) => field.name))];
  const texts = new Set(frames.flat().filter((field) => !isNumeric(field)).map((field) => field.name));
  const shared = names.filter((name) => texts.has(name) && frames.every((frame) => frame.length === 0 || frame.some((field) => field.name === name)));
  const rows = new Map<string, Map<string, Cell>>();
  for (const frame of frames) {
    const length = Math.max(0, ...frame.map((field) => field.values.length));
    for (let i = 0; i < length && rows.size < ROWS_MAX; i += 1) {
      const key = JSON.stringify(shared.map((name) => frame.find((field) => field.name === name)?.values[i] ?? null));
      const row = rows.get(key) ?? new Map<string, Cell>();
      // Two rows of one frame that only its own fields tell apart stay two.
      const place = frame.some((field) => row.has(field.name) && !shared.includes(field.name)) ? `${key} ${i}` : key;
      const target = place === key ? row : new Map<string, Cell>();
      for (const field of frame) target.set(field.name, field.values[i] ?? null);
      rows.set(place, target);
    }
  }
  const all = [...rows.values()];
  return names.map((name) => {
    const from = frames.flat().find((field) => field.name === name);
    return { name, values: all.map((row) => row.get(name) ?? null), query: from?.query, time: from?.time === true };
  });
}

type Options = Record<string, unknown>;

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, 1000) : [];
}

function held(options: unknown, key: string): unknown {
  const all = record(options);
  return Object.hasOwn(all, key) ? all[key] : undefined;
}

function organize(frame: Frame, { excludeByName, indexByName, renameByName }: Options): Frame {
  const at = (field: Field) => {
    const place = held(indexByName, field.name);
    return typeof place === "number" ? place : Infinity;
  };
  return frame
    .filter((field) => held(excludeByName, field.name) !== true)
    .map((field, i) => ({ field, i }))
    .sort((a, b) => (at(a.field) === at(b.field) ? a.i - b.i : at(a.field) - at(b.field)))
    .map(({ field }) => {
      const name = held(renameByName, field.name);
      return typeof name === "string" && name !== "" ? { ...field, name } : field;
    });
}

function filterNames(frame: Frame, { include, exclude }: Options): Frame {
  const test = (rule: unknown): ((name: string) => boolean) | undefined => {
    const names = list(held(rule, "names"));
    const text = held(rule, "pattern");
    const pattern = typeof text === "string" && text !== "" ? patternOf(text) : undefined;
    return names.length === 0 && pattern === undefined ? undefined : (name) => names.includes(name) || pattern?.test(name.slice(0, 1000)) === true;
  };
  const [wanted, unwanted] = [test(include), test(exclude)];
  return frame.filter((field) => (wanted?.(field.name) ?? true) && !(unwanted?.(field.name) ?? false));
}

const REDUCERS: Record<string, Reducer> = {
  last: "last",
  lastNotNull: "last",
  first: "first",
  firstNotNull: "first",
  min: "min",
  max: "max",
  mean: "mean",
  avg: "mean",
  sum: "sum",
  total: "sum",
  current: "last",
  count: "count",
};

/** Grafana's name of a reducer; `undefined` for one that we do not have. */
export function reducerOf(name: unknown): Reducer | undefined {
  return typeof name === "string" && Object.hasOwn(REDUCERS, name) ? REDUCERS[name] : undefined;
}

function numbers(field: Field): number[] {
  return field.values.filter((value): value is number => typeof value === "number");
}

function reduce(frames: readonly Frame[], { reducers }: Options): Frame {
  const chosen = list(reducers).flatMap((name) => reducerOf(name) ?? []);
  const wanted = chosen.length === 0 ? (["max"] as Reducer[]) : chosen;
  const fields = frames.flat().filter(isNumeric);
  return [
    { name: "Field", values: fields.map((field) => field.name) },
    ...wanted.map((reducer): Field => ({ name: reducer, values: fields.map((field) => reduced(numbers(field), reducer)) })),
  ];
}

const OPERATORS: Record<string, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
};

function calculate(frame: Frame, options: Options): Frame {
  const { mode, binary, reduce: across, alias, replaceFields } = options;
  const length = Math.max(0, ...frame.map((field) => field.values.length));
  const rows = Array.from({ length }, (_, i) => i);
  let made: Field | undefined;
  if (mode === "binary") {
    const side = (value: unknown): ((i: number) => number) => {
      const text = typeof value === "object" ? (held(value, "fixed") ?? held(held(value, "matcher"), "options")) : value;
      const field = frame.find((one) => one.name === text);
      return field ? (i) => (typeof field.values[i] === "number" ? (field.values[i] as number) : NaN) : () => Number(text);
    };
    const symbol = held(binary, "operator");
    const operator = typeof symbol === "string" && Object.hasOwn(OPERATORS, symbol) ? OPERATORS[symbol] : undefined;
    const [left, right] = [side(held(binary, "left")), side(held(binary, "right"))];
    if (operator) made = { name: `${String(held(binary, "left"))} ${String(symbol)} ${String(held(binary, "right"))}`, values: rows.map((i) => operator(left(i), right(i))) };
  } else {
    const reducer = reducerOf(held(across, "reducer")) ?? "sum";
    const include = list(held(across, "include"));
    const fields = frame.filter((field) => isNumeric(field) && (include.length === 0 || include.includes(field.name)));
    made = {
      name: reducer,
      values: rows.map((i) => reduced(fields.flatMap((field) => (typeof field.values[i] === "number" ? [field.values[i] as number] : [])), reducer)),
    };
  }
  if (made === undefined) return frame;
  const own = { ...made, ...(typeof alias === "string" && alias !== "" ? { name: alias } : {}) };
  return replaceFields === true ? [own] : [...frame, own];
}

function chosenRows(frame: Frame, keep: (i: number) => boolean): Frame {
  return frame.map((field) => ({ ...field, values: field.values.filter((_, i) => keep(i)) }));
}

function ordered(frame: Frame, { sort, fields }: Options): Frame {
  const rule = list(sort)[0] ?? list(fields)[0];
  const by = frame.find((field) => field.name === held(rule, "field"));
  if (by === undefined) return frame;
  const sign = held(rule, "desc") === true ? -1 : 1;
  const compare = (a: Cell, b: Cell) => (typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? "")));
  const order = by.values.map((_, i) => i).sort((a, b) => sign * compare(by.values[a] ?? null, by.values[b] ?? null));
  return frame.map((field) => ({ ...field, values: order.map((i) => field.values[i] ?? null) }));
}

const TESTS: Record<string, (value: Cell, bound: unknown) => boolean> = {
  greater: (value, bound) => Number(value) > Number(bound),
  greaterOrEqual: (value, bound) => Number(value) >= Number(bound),
  lower: (value, bound) => Number(value) < Number(bound),
  lowerOrEqual: (value, bound) => Number(value) <= Number(bound),
  equal: (value, bound) => String(value) === String(bound),
  notEqual: (value, bound) => String(value) !== String(bound),
  isNull: (value) => value === null,
  isNotNull: (value) => value !== null,
};

function filterValues(frame: Frame, { filters, type, match }: Options): Frame {
  const rules = list(filters).flatMap((rule) => {
    const field = frame.find((one) => one.name === held(rule, "fieldName"));
    const id = held(held(rule, "config"), "id");
    const test = typeof id === "string" && Object.hasOwn(TESTS, id) ? TESTS[id] : undefined;
    const bound = held(held(held(rule, "config"), "options"), "value");
    return field && test ? [(i: number) => test(field.values[i] ?? null, bound)] : [];
  });
  if (rules.length === 0) return frame;
  const hit = (i: number) => (match === "all" ? rules.every((rule) => rule(i)) : rules.some((rule) => rule(i)));
  return chosenRows(frame, (i) => hit(i) === (type !== "exclude"));
}

function renameRegex(frame: Frame, { regex, renamePattern }: Options): Frame {
  const pattern = typeof regex === "string" ? patternOf(regex) : undefined;
  if (pattern === undefined || typeof renamePattern !== "string") return frame;
  return frame.map((field) => ({ ...field, name: field.name.slice(0, 1000).replace(pattern, renamePattern) }));
}

/** Transformations that are carried out; others are named when a dashboard is taken in. */
export const KNOWN: ReadonlySet<string> = new Set([
  "merge", "organize", "reduce", "filterFieldsByName", "filterByRefId", "renameByRegex", "calculateField", "sortBy", "limit", "filterByValue", "joinByField", "seriesToColumns", "labelsToFields",
]);

/** Carries transformations out, one after the other; what is left of several frames is merged. */
export function transformed(frames: readonly Frame[], transformations: readonly Transformation[]): Frame {
  let now: Frame[] = [...frames];
  for (const { id, options } of transformations) {
    switch (id) {
      case "merge":
        now = [merge(now)];
        break;
      case "joinByField":
      case "seriesToColumns":
        now = [merge(now.map((frame) => (options["byField"] === "Time" ? frame : frame.filter((field) => !field.time))))];
        break;
      case "organize":
        now = now.length > 1 ? [organize(merge(now), options)] : now.map((frame) => organize(frame, options));
        break;
      case "reduce":
        now = [reduce(now, options)];
        break;
      case "filterFieldsByName":
        now = now.map((frame) => filterNames(frame, options));
        break;
      case "filterByRefId": {
        const pattern = typeof options["include"] === "string" ? patternOf(`^(?:${options["include"]})$`) : undefined;
        if (pattern) now = now.filter((frame) => frame.some((field) => pattern.test(field.query ?? "")));
        break;
      }
      case "renameByRegex":
        now = now.map((frame) => renameRegex(frame, options));
        break;
      case "calculateField":
        now = now.map((frame) => calculate(frame, options));
        break;
      case "sortBy":
        now = now.map((frame) => ordered(frame, options));
        break;
      case "limit": {
        const most = Number(options["limitField"] ?? 10);
        now = now.map((frame) => chosenRows(frame, (i) => i < most));
        break;
      }
      case "filterByValue":
        now = now.map((frame) => filterValues(frame, options));
        break;
    }
  }
  return now.length === 1 ? (now[0] ?? []) : merge(now);
}
