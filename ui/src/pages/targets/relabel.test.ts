import { expect, it } from "vitest";
import { ruleText, stepsOf } from "./relabel";

it("writes a rule without what is as always", () => {
  expect(ruleText({ separator: ";", regex: "(.*)", replacement: "$1", action: "replace", source_labels: ["__address__"], target_label: "host" })).toBe(
    "action: replace, source_labels: [__address__], target_label: host",
  );
  expect(ruleText({ separator: "", regex: "a b", replacement: "$1", action: "keep", source_labels: ["x", "y"] })).toBe('action: keep, source_labels: [x, y], separator: "", regex: "a b"');
  expect(ruleText({ separator: ";", regex: "(.*)", replacement: "$1", action: "hashmod", modulus: 4, source_labels: ["x"], target_label: "shard" })).toBe(
    "action: hashmod, source_labels: [x], modulus: 4, target_label: shard",
  );
});

const rule = { action: "replace" };

it("tells what each rule adds, changes and takes away", () => {
  const steps = stepsOf({ __address__: "a:1", env: "x", tmp: "1" }, [
    { rule, output: { __address__: "a:1", env: "y", tmp: "1", host: "a" }, keep: true },
    { rule, output: { __address__: "a:1", env: "y", tmp: "1", host: "a" }, keep: true },
    { rule: { action: "labeldrop" }, output: { __address__: "a:1", env: "y", host: "a" }, keep: true },
  ]);
  expect(steps.map((step) => step.changes)).toEqual([
    [
      { name: "env", before: "x", after: "y" },
      { name: "host", before: "", after: "a" },
    ],
    [],
    [{ name: "tmp", before: "1", after: "" }],
  ]);
  expect(steps.map((step) => [step.number, step.drops])).toEqual([[1, false], [2, false], [3, false]]);
});

it("ends at the rule that drops the target", () => {
  const steps = stepsOf({ a: "1" }, [
    { rule, output: { a: "1" }, keep: true },
    { rule: { action: "drop" }, output: {}, keep: false },
    { rule, output: {}, keep: false },
  ]);
  expect(steps.map((step) => [step.number, step.changes, step.drops])).toEqual([[1, [], false], [2, [], true]]);
});
