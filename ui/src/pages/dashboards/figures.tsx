// Single figures: stat, gauge, bars.

import { format } from "../../format/numbers";
import type { Figures, Ready, Scene } from "./data";
import { legend } from "./data";
import { metricText } from "../../charts/series";
import { type Panel, levelOf } from "./model";
import { overrideOf } from "./overrides";
import { fillText } from "./substitute";

interface One {
  key: string;
  name: string;
  value: number;
  text: string;
  level: string;
  max: number | undefined;
}

function all(panel: Panel, scene: Scene, queries: readonly Ready[], data: Figures): One[] {
  const many = data.flat().length > 1;
  return data.flatMap((elements, i) =>
    elements.flatMap(({ labels, value }, at): One[] => {
      const query = queries[i]?.query;
      const name = legend(query?.legend && fillText(query.legend, scene.values), labels) ?? (many ? metricText(labels) : "");
      const override = overrideOf(panel, name, query?.id);
      if (override.hidden) return [];
      const unit = override.unit ?? query?.unit ?? panel.unit;
      const decimals = override.decimals ?? panel.decimals;
      const text = decimals !== undefined && (unit === "number" || unit === "count") && Number.isFinite(value) ? value.toFixed(decimals) : format(value, unit);
      const level = levelOf(value, override.thresholds ?? panel.thresholds);
      const max = panel.max ?? (unit === "percent" ? 100 : unit === "ratio" ? 1 : undefined);
      return [{ key: `${i} ${at}`, name: override.title ?? name, value, text, level: level === "ok" ? "" : (level ?? ""), max }];
    }),
  );
}

interface Props {
  panel: Panel;
  scene: Scene;
  queries: readonly Ready[];
  data: Figures;
}

/** More figures than these are a table. */
const MOST = 30;

export function Stat({ panel, scene, queries, data }: Props) {
  const figures = all(panel, scene, queries, data);
  return (
    <div class="stats">
      {figures.slice(0, MOST).map((one) => (
        <div key={one.key}>
          {one.name !== "" && <span class="t3">{one.name}</span>}
          <b class={one.level}>
            {mark(one.level)}
            {one.text}
          </b>
        </div>
      ))}
      {figures.length > MOST && <span class="t3">{figures.length - MOST} more</span>}
    </div>
  );
}

/** A level is told by shape, too. */
function mark(level: string): string {
  return level === "crit" ? "▲ " : level === "warn" ? "■ " : "";
}

export function Gauge({ panel, scene, queries, data }: Props) {
  const figures = all(panel, scene, queries, data);
  return (
    <div class="gauges">
      {figures.slice(0, MOST).map((one) => {
        const low = panel.min ?? 0;
        const part = Math.min(1, Math.max(0, (one.value - low) / ((one.max ?? 1) - low || 1)));
        return (
          <div key={one.key}>
            <svg viewBox="0 0 120 66" role="img" aria-label={`${one.name || panel.title}: ${one.text}`}>
              <path d={arc(1)} class="rest" />
              {part > 0 && <path d={arc(part)} class={`part ${one.level}`} />}
            </svg>
            <b class={one.level}>
              {mark(one.level)}
              {one.text}
            </b>
            {one.name !== "" && <span class="t3 small">{one.name}</span>}
          </div>
        );
      })}
    </div>
  );
}

/** The first part of a half circle. */
function arc(part: number): string {
  const angle = Math.PI * (1 - (Number.isFinite(part) ? part : 0));
  return `M10 60A50 50 0 0 1 ${(60 + 50 * Math.cos(angle)).toFixed(2)} ${(60 - 50 * Math.sin(angle)).toFixed(2)}`;
}

export function Bars({ panel, scene, queries, data }: Props) {
  const figures = all(panel, scene, queries, data);
  const top = Math.max(...figures.map((one) => one.max ?? one.value), 0) || 1;
  return (
    <table class="bars" aria-label={panel.title}>
      <tbody>
        {figures.slice(0, MOST).map((one) => (
          <tr key={one.key}>
            <th scope="row">{one.name || panel.title}</th>
            <td>
              <span class="meter">
                <i class={one.level} style={{ width: `${Math.min(100, Math.max(0, (one.value / (one.max ?? top)) * 100))}%` }} />
              </span>
            </td>
            <td class={`r ${one.level}`}>{one.text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
