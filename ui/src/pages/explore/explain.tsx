// What the engine does with a query, and what each part costs.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { PlanNode } from "../../api/types";
import { count, duration, format } from "../../format/numbers";
import { Show } from "../../parts/states";

export function Explain({ query, end }: { query: string; end: number }) {
  const asked = useAsk<PlanNode>((signal) => get("narthex/explain", { query, time: end }, signal), [query, end]);
  return (
    <Show asked={asked.state.value} cancel={asked.cancel} query={query}>
      {(plan) => (
        <div class="scroll">
          <table aria-label="Plan">
            <thead>
              <tr>
                <th scope="col">operation</th>
                <th scope="col" class="r">series</th>
                <th scope="col" class="r">samples</th>
                <th scope="col" class="r">time</th>
                <th scope="col" class="r">memory</th>
              </tr>
            </thead>
            <tbody>
              <Branch node={plan} depth={0} total={plan.seconds ?? 0} query={query} />
            </tbody>
          </table>
        </div>
      )}
    </Show>
  );
}

function Branch({ node, depth, total, query }: { node: PlanNode; depth: number; total: number; query: string }) {
  // Whatever takes more than half of the time by itself is worth a look.
  const own = (node.seconds ?? 0) - (node.children ?? []).reduce((sum, child) => sum + (child.seconds ?? 0), 0);
  const text = node.span ? query.slice(...node.span) : "";
  return (
    <>
      <tr>
        <td style={{ paddingLeft: `${12 + depth * 18}px` }} title={text}>
          {node.node} <code class="t3">{text.length > 70 ? `${text.slice(0, 69)}…` : text}</code>
        </td>
        <td class="r">{node.series === undefined ? "" : count(node.series)}</td>
        <td class="r">{node.samples === undefined ? "" : count(node.samples)}</td>
        <td class={`r${total > 0.01 && own > total / 2 ? " warn strong" : ""}`}>{node.seconds === undefined ? "" : duration(node.seconds)}</td>
        <td class="r">{node.bytes === undefined ? "" : format(node.bytes, "bytes")}</td>
      </tr>
      {node.children?.map((child, i) => (
        <Branch key={i} node={child} depth={depth + 1} total={total} query={query} />
      ))}
    </>
  );
}
