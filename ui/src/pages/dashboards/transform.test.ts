import { describe, expect, it } from "vitest";
import type { Figures, Ready } from "./data";
import { framesOf, transformed } from "./transform";

const queries: Ready[] = ["A", "B"].map((id) => ({ expr: "", source: "as written", query: { expr: "", id } }));
const data: Figures = [
  [{ labels: { pod: "a" }, value: 1 }, { labels: { pod: "b" }, value: 2 }],
  [{ labels: { pod: "b" }, value: 4 }, { labels: { pod: "c" }, value: 5 }],
];

function shown(transformations: { id: string; options: Record<string, unknown> }[]) {
  return Object.fromEntries(transformed(framesOf(queries, data, 7), transformations).map((field) => [field.name, field.values]));
}

describe("transformed", () => {
  it("merges rows of the same labels", () => {
    expect(shown([{ id: "merge", options: {} }])).toEqual({ Time: [7, 7, 7], pod: ["a", "b", "c"], "Value #A": [1, 2, null], "Value #B": [null, 4, 5] });
  });
  it("organizes: leaves out, renames, orders", () => {
    const options = { excludeByName: { Time: true }, renameByName: { "Value #A": "CPU" }, indexByName: { "Value #A": 0, pod: 1 } };
    const fields = transformed(framesOf(queries, data, 7), [{ id: "organize", options }]);
    expect(fields.map((field) => field.name)).toEqual(["CPU", "pod", "Value #B"]);
  });
  it("calculates a field", () => {
    const options = { mode: "binary", binary: { left: "Value #A", operator: "/", right: "Value #B" }, alias: "share" };
    expect(shown([{ id: "merge", options: {} }, { id: "calculateField", options }])["share"]).toEqual([NaN, 0.5, NaN]);
  });
  it("reduces, filters, sorts and cuts off", () => {
    expect(shown([{ id: "reduce", options: { reducers: ["max", "sum"] } }])).toEqual({ Field: ["Value #A", "Value #B"], max: [2, 5], sum: [3, 9] });
    expect(Object.keys(shown([{ id: "merge", options: {} }, { id: "filterFieldsByName", options: { include: { names: ["pod"] } } }]))).toEqual(["pod"]);
    expect(Object.keys(shown([{ id: "filterByRefId", options: { include: "A" } }]))).toContain("Value #A");
    expect(shown([{ id: "merge", options: {} }, { id: "sortBy", options: { sort: [{ field: "Value #B", desc: true }] } }, { id: "limit", options: { limitField: 1 } }])["pod"]).toEqual(["c"]);
    expect(shown([{ id: "merge", options: {} }, { id: "renameByRegex", options: { regex: "Value #(.)", renamePattern: "$1" } }])["A"]).toEqual([1, 2, null]);
  });
  it("does nothing for options of another shape", () => {
    for (const id of ["organize", "calculateField", "sortBy", "filterFieldsByName", "filterByValue", "renameByRegex", "limit"]) {
      expect(() => shown([{ id, options: { sort: 1, binary: [], excludeByName: null, filters: [null], regex: "(", include: "x" } }])).not.toThrow();
    }
  });
});
