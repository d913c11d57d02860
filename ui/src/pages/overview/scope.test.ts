import { describe, expect, it } from "vitest";
import { selectors } from "../../query/selectors";
import { CHECKS } from "./attention";
import { choicesOf, readScope, scoped, writeScope } from "./scope";
import { FULLEST, RESOURCES } from "./use";

const EVERYTHING = { cluster: undefined, job: undefined, nodes: [] };
const SOME = { cluster: "prod", job: "node", nodes: ["a.b:1", "c:1"] };

describe("a scope", () => {
  it("stands in the address", () => {
    for (const scope of [EVERYTHING, SOME, { cluster: "", job: undefined, nodes: ["x,y"] }]) {
      const params = new URLSearchParams();
      for (const [name, value] of Object.entries(writeScope(scope))) if (value !== null) params.set(name, value);
      expect(readScope(new URLSearchParams(params.toString()))).toEqual(scope);
    }
  });

  it("leaves queries as they are where it is everything", () => {
    for (const { query } of CHECKS) expect(scoped(query, EVERYTHING)).toBe(query);
  });

  it("narrows what is asked to its cluster, job and nodes", () => {
    expect(scoped("sum(up)", SOME)).toBe('sum(up{cluster="prod",job="node",instance=~"a\\\\.b:1|c:1"})');
    expect(scoped('count(ALERTS{alertstate="firing"})', { ...SOME, nodes: ["c:1"] })).toBe('count(ALERTS{cluster="prod",instance="c:1",alertstate="firing"})');
    expect(scoped("sum(kube_pod_status_phase)", SOME)).toBe('sum(kube_pod_status_phase{cluster="prod"})');
    expect(scoped("max(prometheus_tsdb_head_series)", SOME)).toBe("max(prometheus_tsdb_head_series)");
  });

  it("without a name means what has none", () => {
    expect(scoped("up", { ...EVERYTHING, cluster: "" })).toBe('up{cluster=""}');
  });

  it("narrows every selector of every query of the page", () => {
    const queries = [...CHECKS.map((check) => check.query), ...RESOURCES.flatMap(({ figures, errors }) => [...figures.flatMap(({ query, parts }) => [query, ...(parts ? [parts.query] : [])]), ...errors.map(({ query }) => query)]), FULLEST];
    for (const query of queries) {
      for (const { name, matchers } of selectors(scoped(query, SOME))) {
        const own = /^(prometheus|narthex)_/.test(name);
        expect(matchers.some(({ label, value }) => label === "cluster" && value === "prod"), query).toBe(!own);
        if (name.startsWith("node_")) expect(matchers.filter(({ label }) => label === "instance" || label === "job"), query).toHaveLength(2);
      }
    }
  });
});

describe("choices", () => {
  const found = [
    { cluster: "prod", job: "node", instance: "a:1" },
    { cluster: "prod", job: "host", instance: "b:1" },
    { job: "node", instance: "c:1" },
    { cluster: "empty" },
    {},
  ];
  it("are those within what is chosen", () => {
    expect(choicesOf(found, EVERYTHING)).toEqual({ clusters: ["", "empty", "prod"], jobs: ["host", "node"], nodes: ["a:1", "b:1", "c:1"] });
    expect(choicesOf(found, { ...EVERYTHING, cluster: "prod", job: "host" })).toEqual({ clusters: ["", "empty", "prod"], jobs: ["host", "node"], nodes: ["b:1"] });
    expect(choicesOf(found, { ...EVERYTHING, cluster: "" }).nodes).toEqual(["c:1"]);
  });
  it("hold what is chosen, even where it is gone", () => {
    expect(choicesOf([], SOME)).toEqual({ clusters: ["prod"], jobs: ["node"], nodes: ["a.b:1", "c:1"] });
  });
});
