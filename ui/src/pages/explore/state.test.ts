import { describe, expect, it } from "vitest";
import { adoptWindow, readQueries, readTab, writeQueries } from "./state";

const params = (text: string) => new URLSearchParams(text);

describe("links of Prometheus", () => {
  it("give their queries", () => {
    expect(readQueries(params("g0.expr=up&g1.expr=node_load1&g3.expr=lost"))).toEqual([
      { text: "up", hidden: false },
      { text: "node_load1", hidden: false },
    ]);
    expect(readQueries(params(""))).toEqual([{ text: "", hidden: false }]);
  });
  it.each([
    ["g0.tab=0", "graph"],
    ["g0.tab=1", "table"],
    ["g0.tab=graph", "graph"],
    ["g0.tab=table", "table"],
    ["g0.tab=explain", "explain"],
    ["g0.tab=other", "graph"],
    ["", "graph"],
  ])("give their tab: %s", (text, tab) => {
    expect(readTab(params(text))).toBe(tab);
  });
  it("give their window, unless ours is set", () => {
    expect(adoptWindow(params("g0.range_input=1h&g0.end_input=2026-03-12 14:30:00"))).toEqual({ range: "1h", end: String(Date.UTC(2026, 2, 12, 14, 30) / 1000) });
    expect(adoptWindow(params("g0.range_input=1h"))).toEqual({ range: "1h" });
    expect(adoptWindow(params("g0.range_input=1h&range=2h"))).toBeUndefined();
    expect(adoptWindow(params("g0.range_input=x"))).toBeUndefined();
  });
});

it("reads back what it writes", () => {
  const queries = [
    { text: "up", hidden: false },
    { text: 'rate(x{a="b&c"}[5m])', hidden: true },
  ];
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(writeQueries(queries, "table"))) if (value !== null) written.set(name, value);
  expect(readQueries(params(written.toString()))).toEqual(queries);
  expect(readTab(written)).toBe("table");
});
