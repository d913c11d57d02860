// When an alert was pending and when it fired, in the page's window.

import type { MatrixSeries } from "../../api/types";
import { hourMinute } from "../../format/time";
import { utc } from "../../state/settings";

interface Span {
  from: number;
  to: number;
  state: string;
}

/** Spans of a state: samples that follow one another at the step. */
export function spans(past: readonly MatrixSeries[], name: string, step: number): Span[] {
  return past
    .filter((series) => series.metric["alertname"] === name)
    .flatMap((series) => {
      const out: Span[] = [];
      for (const [time] of series.values ?? []) {
        const last = out[out.length - 1];
        if (last && time - last.to <= step * 1.5) last.to = time;
        else out.push({ from: time, to: time, state: series.metric["alertstate"] ?? "" });
      }
      return out;
    });
}

const WIDTH = 220;

export function Timeline({ name, past, start, end, step, broken }: { name: string; past: readonly MatrixSeries[]; start: number; end: number; step: number; broken: boolean }) {
  const found = spans(past, name, step);
  const x = (time: number) => ((time - start) / Math.max(1, end - start)) * WIDTH;
  const text = found.map((span) => `${span.state} ${hourMinute(span.from, { utc: utc.value })} to ${hourMinute(span.to, { utc: utc.value })}`).join(", ");
  return (
    <svg class="timeline" width={WIDTH} height="14" role="img" aria-label={text === "" ? "quiet" : text}>
      <rect x="0" y="6" width={WIDTH} height="2" fill="var(--line)" />
      {found.map((span) => (
        <rect
          key={`${span.state} ${span.from}`}
          x={x(span.from)}
          y="2"
          width={Math.max(2, x(span.to + step) - x(span.from))}
          height="10"
          rx="1"
          fill={span.state === "firing" ? "var(--crit)" : "var(--warn-fill)"}
        >
          <title>{`${span.state} from ${hourMinute(span.from, { utc: utc.value })}`}</title>
        </rect>
      ))}
      {broken && <rect x={WIDTH - 8} y="2" width="8" height="10" fill="none" stroke="var(--crit)" stroke-dasharray="2 2" />}
    </svg>
  );
}
