import { describe, expect, it, vi } from "vitest";
import type { Rule } from "../api/types";

vi.mock("../state/url", () => ({ base: "/" }));
vi.mock("./colours", () => ({ token: () => "" }));
vi.mock("../api/ask", () => ({ useAsk: () => undefined }));
const { boundsOf, concerning } = await import("./alarms");
const { bandsOf } = await import("./spans");

const rule = (name: string, query: string, severity = "warning"): Rule => ({ type: "alerting", name, query, health: "ok", evaluationTime: 0, lastEvaluation: "", labels: { severity } });

describe("bounds of rules", () => {
  const rules = [rule("A", "rate(a[5m]) > 10"), rule("B", "rate( a[5m] ) > 20", "critical"), rule("C", "b < 3"), rule("D", "up == 0"), rule("E", "rate(a[5m]) > 10")];
  it("stand in charts of what they compare, each once", () => {
    expect(boundsOf(rules, ["(rate(a[5m]))"])).toEqual([
      { value: 10, level: "warn", below: false },
      { value: 20, level: "crit", below: false },
    ]);
    expect(boundsOf(rules, ["b < 3"])).toEqual([{ value: 3, level: "warn", below: true }]);
  });
  it("and in no others", () => {
    expect(boundsOf(rules, ["a", "up", "rate(a[1m])"])).toEqual([]);
  });
});

it("rules of one name are about what any of them reads", () => {
  const found = concerning([rule("A", "a > 1"), rule("A", "b > 1"), rule("B", "c > 1")], ["sum(a)", "b"]);
  expect([...found.keys()]).toEqual(["A"]);
  expect(found.get("A")?.map(({ name }) => name)).toEqual(["a", "b"]);
});

it("an alert is a band from its first evaluation to the step after its last", () => {
  const series = (state: string, ...times: number[]) => ({ metric: { alertname: "A", alertstate: state }, values: times.map((time): [number, string] => [time, "1"]) });
  expect(bandsOf([series("pending", 10, 20), series("firing", 30, 40, 80)], 10)).toEqual([
    { from: 10, to: 30, level: "warn", name: "A" },
    { from: 30, to: 50, level: "crit", name: "A" },
    { from: 80, to: 90, level: "crit", name: "A" },
  ]);
});
