import { expect, it } from "vitest";
import { format } from "../../format/numbers";
import { legend, reduced, rowsOf } from "./data";
import { unitOf } from "./grafana-units";
import { levelOf } from "./model";

it("shows bits, percentages and Grafana's units", () => {
  expect(format(8_000_000, "bits/s")).toBe("8 Mb/s");
  expect(format(42, "percent")).toBe("42 %");
  expect(format(0.42, "ratio")).toBe("42 %");
  expect([unitOf("bps"), unitOf("Bps"), unitOf("percentunit"), unitOf("constructor")]).toEqual(["bits/s", "bytes/s", "ratio", undefined]);
});

it("finds the level of a value", () => {
  const steps = [{ from: 0.8, level: "warn" as const }, { from: 0.9, level: "crit" as const }];
  expect([0.5, 0.8, 1].map((value) => levelOf(value, steps))).toEqual([undefined, "warn", "crit"]);
});

it("reduces without what is no number", () => {
  expect([reduced([1, NaN, 3], "last"), reduced([1, NaN, 3], "mean"), reduced([], "max"), reduced([1, 2], "count")]).toEqual([3, 2, NaN, 2]);
});

it("names lines by their labels", () => {
  expect(legend("{{ pod }} {{gone}}", { pod: "a" })).toBe("a ");
  expect(legend("__auto", {})).toBeUndefined();
});

it("puts answers side by side by the labels that are asked for", () => {
  const rows = rowsOf([[{ labels: { pod: "a", x: "1" }, value: 1 }], [{ labels: { pod: "a", y: "2" }, value: 2 }, { labels: { pod: "b" }, value: 3 }]], ["pod"]);
  expect(rows.map((row) => [row.labels, row.cells])).toEqual([[{ pod: "a" }, [1, 2]], [{ pod: "b" }, [undefined, 3]]]);
});
