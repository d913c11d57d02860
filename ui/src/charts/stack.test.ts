import { expect, it } from "vitest";
import type { Drawn } from "./chart";
import { foreground } from "./stack";

const line = (name: string, values: number[], more: Partial<Drawn> = {}): Drawn => ({ name, values: new Float64Array(values), colour: "#000", ...more });

it("grey lines are drawn together, the others one by one with their gaps", () => {
  const front = foreground([line("a", [1, NaN], { context: true }), line("b", [NaN, 2])], false);
  expect(front.behind.map(({ name }) => name)).toEqual(["a"]);
  expect(front.lines.map(({ name }) => name)).toEqual(["b"]);
  expect(front.data).toEqual([[null, 2]]);
});

it("a stack begins with all grey ones as one, and bounds stand beside it", () => {
  const front = foreground([line("a", [1, NaN], { context: true }), line("b", [10, NaN], { context: true }), line("c", [100, 100]), line("d", [7, NaN], { apart: true })], true);
  expect(front.behind).toEqual([]);
  expect(front.data).toEqual([
    [11, null],
    [111, 100],
    [7, null],
  ]);
});
