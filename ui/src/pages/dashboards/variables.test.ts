import { describe, expect, it } from "vitest";
import type { Variable } from "./model";
import { ALL } from "./substitute";
import { choose, kept, lookup, meaning } from "./variables";

describe("lookup", () => {
  it.each([
    ["label_values(instance)", { kind: "label", label: "instance", selector: "" }],
    ['label_values(up{a="x,y)", b=~"c"}, instance)', { kind: "label", label: "instance", selector: 'up{a="x,y)", b=~"c"}' }],
    ["metrics(node_.*)", { kind: "names", pattern: "node_.*" }],
    ["query_result(topk(3, up))", { kind: "result", expr: "topk(3, up)" }],
    ["label_values(up, no-label)", undefined],
    ["SELECT 1", undefined],
  ])("reads %s", (text, found) => {
    expect(lookup(text)).toEqual(found);
  });
});

describe("choose", () => {
  const plain: Variable = { name: "x" };
  it("takes what the address says where it can be", () => {
    expect(choose(plain, ["a", "b"], "b")).toEqual(["b"]);
    expect(choose(plain, ["a", "b"], "gone")).toEqual(["a"]);
    expect(choose({ name: "x", multi: true }, ["a", "b", "c"], "b,c")).toEqual(["b", "c"]);
  });
  it("takes all where nothing is said and all can be", () => {
    expect(choose({ name: "x", all: true }, ["a"], null)).toEqual([ALL]);
  });
  it("matches absence where there is nothing to choose", () => {
    expect(choose(plain, [], null)).toEqual([""]);
  });
  it("takes anything that somebody writes", () => {
    expect(choose({ name: "x", free: true }, [], "own")).toEqual(["own"]);
  });
});

it("says what all stands for", () => {
  const one = { variable: { name: "x", all: true }, options: ["a", "b"], chosen: [ALL] };
  expect(meaning(one)).toEqual(["a", "b"]);
  expect(meaning({ ...one, options: [] })).toEqual([".*"]);
  expect(meaning({ ...one, variable: { name: "x", all: true, allValue: ".+" } })).toEqual([".+"]);
});


it("keeps what a pattern matches, and runs none that might never end", () => {
  expect(kept(["a-1", "b-2"], "/a-(.*)/")).toEqual(["1"]);
  expect(kept(["x"], "/((a+)+)+$/")).toEqual(["x"]);
  expect(kept(["x"], "/(/")).toEqual(["x"]);
});
