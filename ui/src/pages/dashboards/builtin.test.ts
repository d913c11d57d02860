import { describe, expect, it } from "vitest";
import { format } from "../../format/numbers";
import { BUILTIN, builtin } from "./builtin";
import { metricsOf, withFallback } from "./fallback";
import { fill, windowValues } from "./substitute";
import { lookup } from "./variables";

describe.each(BUILTIN)("$title", ({ id, title }) => {
  it("is what the list says, and every variable in it has a value", async () => {
    const board = await builtin(id);
    if (board === undefined) throw new Error(id);
    expect([board.id, board.title]).toEqual([id, title]);
    for (const variable of board.variables) expect(lookup(variable.values ?? ""), variable.name).toBeDefined();
    const values = windowValues(0, 3600, 15, 15);
    for (const { name } of board.variables) values.set(name, ["v"]);
    for (const panel of board.rows.flatMap((row) => row.panels)) {
      expect(["timeseries", "stat", "gauge", "table"]).toContain(panel.kind);
      expect(format(0.5, panel.unit)).toEqual(expect.any(String));
      expect(panel.width).toBeLessThanOrEqual(24);
      for (const query of panel.queries) {
        for (const present of [new Set(Object.keys(board.raw).map((key) => key.split("{")[0] ?? "")), new Set<string>()]) {
          const asked = withFallback(query.expr, board.raw, present);
          expect(fill(asked.expr, values).replaceAll("$1", "")).not.toContain("$");
          if (present.size === 0) expect(metricsOf(asked.expr).filter((name) => name.includes(":")), asked.expr).toEqual([]);
        }
      }
    }
  });
});

it("does not know what is no dashboard", async () => {
  expect(await builtin("constructor")).toBeUndefined();
});
