import { expect, it } from "vitest";
import { firing, pastOf, spans, wouldBe } from "./spans";

const series = (state: string, instance: string, times: number[]) => ({
  metric: { __name__: "ALERTS", alertname: "Down", alertstate: state, instance },
  values: times.map((time): [number, string] => [time, "1"]),
});

it("joins samples that follow one another, and parts those that do not", () => {
  const found = spans([series("firing", "a", [10, 20, 30, 60, 70]), { ...series("firing", "b", [5]), metric: { alertname: "Other" } }], "Down", 10);
  expect(found).toEqual([
    { from: 10, to: 30, state: "firing" },
    { from: 60, to: 70, state: "firing" },
  ]);
});

it("puts the states of one alert together, the one that fired longest first", () => {
  const past = pastOf([series("pending", "a", [10]), series("firing", "a", [20]), series("firing", "b", [10, 20, 30])], 10);
  expect(past).toEqual([
    { labels: { instance: "b" }, spans: [{ from: 10, to: 30, state: "firing" }] },
    {
      labels: { instance: "a" },
      spans: [
        { from: 10, to: 10, state: "pending" },
        { from: 20, to: 20, state: "firing" },
      ],
    },
  ]);
});

it("counts how often and how long an alert fires", () => {
  const [past] = wouldBe([{ labels: { alertname: "", job: "x" }, pending: [[0, 50]], firing: [[60, 110], [200, 200]], values: ["1", "2"] }], 10);
  expect(past?.labels).toEqual({ job: "x" });
  expect(firing(past?.spans ?? [], 10)).toEqual({ times: 2, seconds: 70 });
  expect(firing([], 10)).toEqual({ times: 0, seconds: 0 });
});
