import { expect, it } from "vitest";
import { boundsOfSteps } from "./bounds";

it("steps that get worse are bounds upwards", () => {
  expect(boundsOfSteps([{ from: -Infinity, level: "ok" }, { from: 95, level: "crit" }, { from: 80, level: "warn" }])).toEqual([
    { value: 80, level: "warn" },
    { value: 95, level: "crit" },
  ]);
});

it("steps that get better are bounds downwards", () => {
  expect(boundsOfSteps([{ from: -Infinity, level: "crit" }, { from: 5, level: "warn" }, { from: 10, level: "ok" }])).toEqual([
    { value: 5, level: "crit", below: true },
    { value: 10, level: "warn", below: true },
  ]);
  expect(boundsOfSteps([{ from: -Infinity, level: "ok" }])).toEqual([]);
});
