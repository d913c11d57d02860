// A rule: its expression, what it tells, and the alerts that are active.

import { duration } from "../../format/numbers";
import { link } from "../../state/url";
import { AlertHistory } from "./alert-history";
import { Backtest } from "./backtest";
import { OverThreshold } from "./over-threshold";
import type { Row } from "./page";

export function RuleDetail({ row }: { row: Row }) {
  const { rule } = row;
  const alerts = rule.alerts ?? [];
  return (
    <div class="rule-detail">
      {rule.lastError && <pre class="crit">{rule.lastError}</pre>}
      <code class="expression">{rule.query}</code>
      <div class="t2 small">
        {rule.duration ? `for ${duration(rule.duration)} · ` : ""}
        {rule.keepFiringFor ? `keeps firing for ${duration(rule.keepFiringFor)} · ` : ""}
        every {duration(row.interval)} · takes {duration(rule.evaluationTime)} · {row.file}
      </div>
      <div>
        <a class="btn small" href={link("query", { "g0.expr": rule.query, "g0.tab": "graph" })}>
          Open in Explore
        </a>
      </div>
      {Object.entries(rule.annotations ?? {}).map(([name, text]) => (
        <div key={name}>
          <span class="t3">{name}</span> {text}
        </div>
      ))}
      {alerts.length > 0 && (
        <table aria-label="Active alerts">
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Labels</th>
              <th scope="col">Since</th>
              <th scope="col" class="r">Value</th>
            </tr>
          </thead>
          <tbody>
            {alerts.slice(0, 100).map((alert) => (
              <tr key={JSON.stringify(alert.labels)}>
                <td class={alert.state === "firing" ? "crit" : "warn"}>{alert.state}</td>
                <td class="wrap">
                  {Object.entries(alert.labels)
                    .filter(([name]) => name !== "alertname")
                    .map(([name, value]) => (
                      <span key={name} class="chip">
                        {name}={value}
                      </span>
                    ))}
                </td>
                <td>{alert.activeAt?.slice(0, 19).replace("T", " ")}</td>
                <td class="r">{alert.value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {alerts.length > 100 && <div class="t3">{alerts.length - 100} more</div>}
      {rule.type === "alerting" && <OverThreshold rule={rule} />}
      {rule.type === "alerting" && <AlertHistory name={rule.name} />}
      {rule.type === "alerting" && <Backtest rule={rule} interval={row.interval} />}
    </div>
  );
}
