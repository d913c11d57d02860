import { expect, it } from "vitest";
import { plain, thresholdOf } from "./threshold";

it.each([
  ["rate(a[5m]) > 10", { expr: "rate(a[5m])", op: ">", value: 10 }],
  ["up == 0", { expr: "up", op: "==", value: 0 }],
  ['a{b="x > 3"} / c <= -0.5', { expr: 'a{b="x > 3"} / c', op: "<=", value: -0.5 }],
  ["(sum(a > 3)) >= bool 1e3", { expr: "(sum(a > 3))", op: ">=", value: 1000 }],
  ["a > 5 and on (x) b > 6", { expr: "a", op: ">", value: 5 }],
  ["a > b and c < 7", { expr: "c", op: "<", value: 7 }],
  ["and_more > 1", { expr: "and_more", op: ">", value: 1 }],
])("%s compares", (query, wanted) => {
  expect(thresholdOf(query)).toEqual(wanted);
});

it.each(["a > b", "absent(up)", "a and b", "vector(1)", "> 3", "a >", "(a > 3)"])("%s compares nothing with a number", (query) => {
  expect(thresholdOf(query)).toBeUndefined();
});

it("equal queries are equal however they are written", () => {
  expect(plain(" ( rate( a [5m] ) )")).toBe("rate(a[5m])");
  expect(plain("(a) + (b)")).toBe("(a)+(b)");
  expect(plain("(")).toBe("(");
});
