// Asks the server for the choices of variables.

import { get } from "../../api/client";
import { instant } from "../../api/promql";
import { withFallback } from "./fallback";
import type { Board } from "./model";
import { type Values, fill } from "./substitute";
import { type Lookup, OPTIONS_MAX, type Resolved, choose, kept, lookup, meaning } from "./variables";

async function ask(found: Lookup, raw: Board["raw"], present: ReadonlySet<string>, values: Values, start: number, end: number, signal: AbortSignal): Promise<string[]> {
  switch (found.kind) {
    case "label": {
      const { expr, source } = withFallback(found.selector, raw, present);
      const selector = fill(expr, values);
      const isSelector = source !== "raw" && (selector === "" || /^[\w:]*(\{[\s\S]*\})?$/.test(selector));
      if (isSelector) {
        const params = selector === "" ? {} : { "match[]": [selector] };
        return (await get(`label/${encodeURIComponent(found.label)}/values`, { ...params, start, end, limit: OPTIONS_MAX }, signal)).data;
      }
      const answer = await instant(`group by (${found.label}) (${selector})`, end, signal);
      return answer.data.flatMap(({ labels }) => labels[found.label] ?? []).sort();
    }
    case "names": {
      const pattern = JSON.stringify(fill(found.pattern, values) || ".+");
      return (await get("label/__name__/values", { "match[]": [`{__name__=~${pattern}}`], start, end, limit: OPTIONS_MAX }, signal)).data;
    }
    case "labels": {
      const selector = fill(found.selector, values);
      return (await get("labels", { ...(selector === "" ? {} : { "match[]": [selector] }), start, end, limit: OPTIONS_MAX }, signal)).data;
    }
    case "result": {
      const answer = await instant(fill(found.expr, values), end, signal);
      return answer.data.slice(0, OPTIONS_MAX).map(({ labels, value }) => {
        const { __name__: name = "", ...rest } = labels;
        return `${name}{${Object.entries(rest).map(([key, text]) => `${key}=${JSON.stringify(text)}`).join(",")}} ${value}`;
      });
    }
  }
}

/** Asks for the choices of each variable in turn: later ones depend on earlier ones. */
export async function resolve(board: Board, present: ReadonlySet<string>, params: URLSearchParams, start: number, end: number, signal: AbortSignal): Promise<Resolved[]> {
  const values = new Map<string, string[]>();
  const all: Resolved[] = [];
  for (const variable of board.variables) {
    let options = variable.options ?? [];
    const found = variable.values === undefined ? undefined : lookup(variable.values);
    if (found !== undefined) {
      const answer = await ask(found, board.raw, present, values, start, end, signal);
      options = kept(answer, variable.regex).slice(0, OPTIONS_MAX);
    }
    const one = { variable, options, chosen: choose(variable, options, params.get(`var-${variable.name}`)) };
    all.push(one);
    values.set(variable.name, meaning(one));
  }
  return all;
}
