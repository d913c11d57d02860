import { describe, expect, it } from "vitest";
import { CHECKS, findings, worstFirst } from "./attention";
import { median, rateWindow, standingOut, withWindow } from "./use";

describe("standingOut", () => {
  const node = (name: string, last: number) => ({ name, last });
  it("names those over the level, the highest first", () => {
    const nodes = [node("a", 0.97), node("b", 0.9), node("c", 0.2), node("d", 0.3), node("e", 0.85), node("f", 0.99)];
    expect([...standingOut(nodes, [0.8, 0.95])]).toEqual(["f", "a", "b"]);
  });
  it("names those far from the rest where there is no level", () => {
    const nodes = [node("a", 10), node("b", 11), node("c", 9), node("d", 10), node("e", 90)];
    expect([...standingOut(nodes, undefined)]).toEqual(["e"]);
  });
  it("names nobody among equals", () => {
    expect(standingOut([node("a", 1), node("b", 1), node("c", 1), node("d", 1)], undefined).size).toBe(0);
  });
  it("names all of a few", () => {
    expect(standingOut([node("a", 1), node("b", NaN)], undefined)).toEqual(new Set(["a"]));
  });
});

it("takes windows of rates that bear a lost scrape", () => {
  expect(rateWindow(15)).toBe(60);
  expect(rateWindow(300)).toBe(315);
  expect(withWindow("rate(a[W]) + rate(b[W])", 60)).toBe("rate(a[60s]) + rate(b[60s])");
});

it("finds the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([1, 2])).toBe(1.5);
  expect(median([])).toBeNaN();
});

describe("attention", () => {
  it("tells who, what and how much, and how many more", () => {
    const check = CHECKS.find((one) => one.id === "disk-busy");
    if (check === undefined) throw new Error("no such check");
    const found = findings(check, Array.from({ length: 8 }, (_, i) => ({ labels: { instance: `n${i}`, device: "sda" }, value: 0.97 })));
    expect(found).toHaveLength(6);
    expect(found[0]).toMatchObject({ who: "n0", what: "sda saturated", detail: "97 % busy over 5 min" });
    expect(found[5]?.who).toBe("3 more");
  });
  it("puts critical findings first", () => {
    const all = CHECKS.flatMap((check) => findings(check, [{ labels: {}, value: 1 }]));
    const order = worstFirst(all).map((one) => one.check.severity);
    expect(order).toEqual([...order].sort());
    expect(new Set(CHECKS.map((check) => check.id)).size).toBe(CHECKS.length);
  });
});
