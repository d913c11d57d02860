import { describe, expect, it } from "vitest";
import { matches, narrow, selectors } from "./selectors";

const names = (text: string) => selectors(text).map(({ name }) => name);

describe("selectors", () => {
  it.each([
    ["up", ["up"]],
    ['sum by (job) (rate(http_requests_total{code=~"5..", path!="}"}[5m]))', ["http_requests_total"]],
    ["sum(rate(a[5m])) by (job) / on (x, y) group_left (z) b offset 5m", ["a", "b"]],
    ["count(up == bool 1) and up unless ALERTS # up2\n or vector(0)", ["up", "up", "ALERTS"]],
    ['{__name__="x", a="b"}', ["x"]],
    ['{"my.metric", a="b"}', ["my.metric"]],
    ["{a='b'}", [""]],
    ["max_over_time(a:b:c[1h:5m] @ start()) > 1e3 + Inf", ["a:b:c"]],
    ['label_replace(a, "x", "$1", "up", "(.*)")', ["a"]],
    ["topk(3, avg without (cpu) (node_x))", ["node_x"]],
    ["time() - 5m", []],
    ['a{b="', ["a"]],
    ["{", [""]],
  ])("of %s", (text, wanted) => {
    expect(names(text)).toEqual(wanted);
  });

  it("have the meaning of their matchers", () => {
    expect(selectors('a{b="x\\"y\\n", c=~`\\d+`, "d e"!~\'f,}\',}')[0]?.matchers).toEqual([
      { label: "b", op: "=", value: 'x"y\n' },
      { label: "c", op: "=~", value: "\\d+" },
      { label: "d e", op: "!~", value: "f,}" },
    ]);
  });
});

describe("narrowed", () => {
  const one = () => ['cluster="c"'];
  it.each([
    ["up", 'up{cluster="c"}'],
    ["up{}", 'up{cluster="c"}'],
    ['rate(a{b="c"}[5m]) / a', 'rate(a{cluster="c",b="c"}[5m]) / a{cluster="c"}'],
    ['{a="b"}', '{cluster="c",a="b"}'],
    ['sum by (cluster) (up offset 5m == 0)', 'sum by (cluster) (up{cluster="c"} offset 5m == 0)'],
  ])("%s", (text, wanted) => {
    expect(narrow(text, one)).toBe(wanted);
  });

  it("are only those that are meant", () => {
    expect(narrow("a + b", (name) => (name === "b" ? ['x="1"', 'y=""'] : []))).toBe('a + b{x="1",y=""}');
  });
});

it("matchers match whole values", () => {
  const of = (op: "=" | "!=" | "=~" | "!~", value: string) => matches({ label: "l", op, value }, "ab");
  expect([of("=", "ab"), of("!=", "ab"), of("=~", "a"), of("=~", "a."), of("!~", "a"), of("=~", "(")]).toEqual([true, false, false, true, true, true]);
});
