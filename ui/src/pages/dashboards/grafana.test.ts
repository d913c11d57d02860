import { describe, expect, it } from "vitest";
import { convert } from "./grafana";

function board(source: object) {
  const { board, notes } = convert(JSON.stringify(source));
  if (board === undefined) throw new Error("not taken");
  return { board, notes, panels: board.rows.flatMap((row) => row.panels) };
}

const NEW = {
  title: "Mine",
  uid: "abc",
  templating: {
    list: [
      { name: "ds", type: "datasource", query: "prometheus" },
      { name: "instance", type: "query", query: { query: "label_values(up, instance)" }, multi: true, includeAll: true, current: { value: ["$__all"] }, regex: "/(.*):/" },
      { name: "mode", type: "custom", query: "One : 1,two", current: { value: "two" } },
      { name: "step", type: "interval", query: "1m,5m", current: { value: "5m" } },
      { name: "free", type: "textbox", query: "x" },
      { name: "fixed", type: "constant", query: "c" },
    ],
  },
  panels: [
    { type: "row", title: "Row", gridPos: { x: 0, y: 4, w: 24, h: 1 }, collapsed: true, panels: [{ type: "gauge", title: "G", targets: [{ expr: "up", refId: "A" }], fieldConfig: { defaults: { unit: "percent", min: 0, max: 50, thresholds: { mode: "percentage", steps: [{ color: "green", value: null }, { color: "red", value: 80 }] } } } }] },
    {
      type: "timeseries",
      title: "T",
      gridPos: { x: 0, y: 0, w: 12, h: 8 },
      fieldConfig: { defaults: { unit: "Bps", custom: { stacking: { mode: "normal" }, thresholdsStyle: { mode: "dashed+area" } } }, overrides: [{ matcher: { id: "byName", options: "a" }, properties: [{ id: "unit", value: "s" }, { id: "displayName", value: "b" }] }] },
      targets: [{ expr: "rate(a[$__rate_interval])", legendFormat: "{{x}}", refId: "A" }, { expr: "hidden", hide: true }],
    },
    { type: "piechart", title: "P", gridPos: { x: 12, y: 0, w: 12, h: 8 }, targets: [] },
    { type: "bargauge", title: "B", gridPos: { x: 0, y: 2, w: 12, h: 8 }, targets: [{ expr: "x" }], options: { reduceOptions: { calcs: ["mean"] } }, fieldConfig: { defaults: { unit: "dBm" } } },
  ],
};

describe("convert", () => {
  it("takes panels in the order of reading, with units, stacks, overrides and reducers", () => {
    const { board: one, panels, notes } = board(NEW);
    expect(one.id).toBe("own-abc");
    expect(panels.map((panel) => [panel.title, panel.kind, panel.unit])).toEqual([["T", "timeseries", "bytes/s"], ["P", "text", "number"], ["B", "bars", "number"], ["G", "gauge", "percent"]]);
    expect(panels[0]).toMatchObject({ stacked: true, bounded: true, width: 12, queries: [{ expr: "rate(a[$__rate_interval])", legend: "{{x}}", id: "A" }], overrides: [{ name: "a", unit: "seconds", title: "b" }] });
    expect(panels[0]?.queries).toHaveLength(1);
    expect(panels[2]?.reduce).toBe("mean");
    expect(panels[3]?.thresholds).toEqual([{ from: -Infinity, level: "ok" }, { from: 40, level: "crit" }]);
    expect(one.rows[1]).toMatchObject({ title: "Row", collapsed: true });
    expect(notes).toEqual(["Panel “P”: a piechart cannot be drawn.", "Panel “B”: the unit dBm is shown as a plain number."]);
  });

  it("takes variables of each kind", () => {
    expect(board(NEW).board.variables).toEqual([
      { name: "ds", options: ["narthex"], hidden: true, multi: false, all: false },
      { name: "instance", values: "label_values(up, instance)", regex: "/(.*):/", multi: true, all: true, initial: ["$__all"] },
      { name: "mode", options: ["1", "two"], initial: ["two"] },
      { name: "step", options: ["1m", "5m"], initial: ["5m"] },
      { name: "free", free: true, initial: ["x"] },
      { name: "fixed", options: ["c"], hidden: true },
    ]);
  });

  it("takes rows, graphs, single figures and column styles of old dashboards", () => {
    const { panels, board: one } = board({
      title: "Old",
      rows: [
        {
          title: "R",
          height: "250px",
          panels: [
            { type: "graph", title: "g", span: 6, stack: true, yaxes: [{ format: "bytes", logBase: 1 }], targets: [{ expr: "a" }] },
            { type: "singlestat", title: "s", span: 3, format: "percent", thresholds: "80,90", colors: ["rgba(50, 172, 45, 0.97)", "rgba(237, 129, 40, 0.89)", "rgba(245, 54, 54, 0.9)"], valueName: "avg", targets: [{ expr: "b" }] },
            { type: "table", title: "t", styles: [{ pattern: "Value #A", alias: "CPU", type: "number", unit: "short" }, { pattern: "Time", type: "hidden" }], targets: [{ expr: "c" }] },
          ],
        },
      ],
    });
    expect(one.rows[0]?.title).toBe("R");
    expect(panels[0]).toMatchObject({ kind: "timeseries", unit: "bytes", width: 12, stacked: true, height: 170 });
    expect(panels[1]).toMatchObject({ kind: "stat", reduce: "mean", thresholds: [{ level: "ok" }, { from: 80, level: "warn" }, { from: 90, level: "crit" }] });
    expect(panels[2]?.overrides).toEqual([{ name: "Value #A", title: "CPU", unit: "number" }, { name: "Time", hidden: true }]);
  });

  it.each([
    ["{", "It is no JSON"],
    ["[]", "neither"],
    ["null", "neither"],
    ['"x"', "neither"],
    ['{"panels": {}}', "neither"],
  ])("refuses %s", (text, why) => {
    expect(convert(text).error).toContain(why);
  });

  it("bounds what it takes, and survives fields of any shape", () => {
    const many = board({ title: { a: 1 }, panels: Array.from({ length: 499 }, () => ({ type: "timeseries", targets: Array.from({ length: 100 }, () => ({ expr: "x" })) })) });
    expect(many.panels).toHaveLength(300);
    expect(many.panels[0]?.queries).toHaveLength(26);
    expect(many.board.title).toBe("Untitled");
    const odd = [null, 1, "x", [], {}, { type: "__proto__" }, { type: "timeseries", targets: "x", fieldConfig: 3, gridPos: [] }, { type: "constructor" }];
    expect(() => board({ panels: odd, templating: { list: [null, { name: "a b" }, { name: "c", type: 3, options: {} }] } })).not.toThrow();
    expect(convert('{"__proto__": {"polluted": 1}, "panels": []}').board).toBeDefined();
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("keeps HTML of texts as text, and says so", () => {
    const { panels, notes } = board({ panels: [{ type: "text", title: "x", options: { content: "<img src=x onerror=alert(1)>" } }] });
    expect(panels[0]?.text).toBe("<img src=x onerror=alert(1)>");
    expect(notes[0]).toContain("as it is written");
  });
});
