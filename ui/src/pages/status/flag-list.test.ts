import { expect, it } from "vitest";
import { flagList } from "./flag-list";

const FLAGS = { a: "1", b: "", c: "3", constructor: "x" };

it("changed flags stand first, with what they would be", () => {
  expect(flagList(FLAGS, { c: "30", b: "text" }).map(({ name, usual }) => [name, usual])).toEqual([
    ["b", "text"],
    ["c", "30"],
    ["a", undefined],
    ["constructor", undefined],
  ]);
});

it("a default that is empty is one, too", () => {
  expect(flagList(FLAGS, { a: "" })[0]).toEqual({ name: "a", value: "1", usual: "" });
});
