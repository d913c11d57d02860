import { describe, expect, it } from "vitest";
import { fill, fillText, rateInterval, windowValues } from "./substitute";

const values = new Map([
  ["node", ["node-1", "node.2"]],
  ["one", ["a.b"]],
  ["quoted", ['a"b\\c']],
  ["cluster", [""]],
  ["any", [".*"]],
  ["interval", ["5m"]],
]);

describe("fill", () => {
  it.each([
    ['up{node="$one"}', 'up{node="a.b"}'],
    ['up{node=~"$one"}', 'up{node=~"a\\\\.b"}'],
    ['up{node=~"$node"}', 'up{node=~"(node-1|node\\\\.2)"}'],
    ['up{node=~"${node}"}', 'up{node=~"(node-1|node\\\\.2)"}'],
    ['up{node!~"[[node]]"}', 'up{node!~"(node-1|node\\\\.2)"}'],
    ['up{x="$quoted"}', 'up{x="a\\"b\\\\c"}'],
    ['up{cluster="$cluster"}', 'up{cluster=""}'],
    ['up{cluster=~"$any"}', 'up{cluster=~".*"}'],
    ["rate(up[$interval])", "rate(up[5m])"],
    ['label_replace(up, "a", "$1", "b", "${one:regex}")', 'label_replace(up, "a", "$1", "b", "a\\\\.b")'],
    ['up{x=~"${node:pipe}"}', 'up{x=~"node-1|node.2"}'],
    ["up{x=\"$unknown\"}", "up{x=\"$unknown\"}"],
  ])("makes of %s %s", (text, filled) => {
    expect(fill(text, values)).toBe(filled);
  });

  it("lets no value out of its string", () => {
    const hostile = new Map([["x", ['"} or vector(1) or up{a="']]]);
    expect(fill('up{x="$x"}', hostile)).toBe('up{x="\\"} or vector(1) or up{a=\\""}');
  });
});

it("writes values as people read them", () => {
  expect(fillText("$node of $any", values)).toBe("node-1 + node.2 of all");
});

it("gives rates room for four scrapes and a step", () => {
  expect(rateInterval(15, 15)).toBe(60);
  expect(rateInterval(300, 15)).toBe(315);
  expect(windowValues(0, 3600, 15, 30).get("__rate_interval")).toEqual(["2m"]);
  expect(windowValues(0, 3600, 15, 30).get("__range_s")).toEqual(["3600"]);
});
