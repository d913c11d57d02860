import { describe, expect, it } from "vitest";
import { about, shared } from "./concern";
import { selectors } from "./selectors";

const both = (rule: string, query: string) => shared(selectors(rule), selectors(query)).length > 0;

describe("a rule is about a query", () => {
  it("that reads the same series, or may do so", () => {
    expect(both("rate(a[5m]) > 3", "sum(a)")).toBe(true);
    expect(both('a{x="1"} > 3', 'a{x=~"1|2", y="z"}')).toBe(true);
    expect(both('a{x!="1"}', 'a{x!~"2"}')).toBe(true);
  });
  it("and not about one that reads others", () => {
    expect(both("a > 3", "b")).toBe(false);
    expect(both('a{x="1"}', 'a{x="2"}')).toBe(false);
    expect(both('a{x="1"}', 'a{x!="1"}')).toBe(false);
    expect(both('a{x=~"eth.+"}', 'a{x="lo"}')).toBe(false);
    expect(both("a * on (pod) kube_pod_info > 3", "b * on (pod) kube_pod_info")).toBe(false);
  });
});

describe("an alert is about a picture", () => {
  const read = selectors('a{instance="n1"}');
  const alert = { alertname: "A", severity: "page", instance: "n1", device: "sda", team: "x" };
  it("that has a line which may be its series", () => {
    expect(about(alert, read, [{ device: "sdb" }, { device: "sda" }])).toBe(true);
    expect(about(alert, read, [{}])).toBe(true);
  });
  it("and not about one of other nodes or devices", () => {
    expect(about(alert, read, [{ device: "sdb" }])).toBe(false);
    expect(about({ ...alert, instance: "n2" }, read, [{ device: "sda" }])).toBe(false);
    expect(about(alert, read, [])).toBe(false);
  });
});
