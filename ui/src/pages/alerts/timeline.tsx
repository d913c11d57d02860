// When an alert was pending and when it fired, as a line of time.

import { hourMinute } from "../../format/time";
import { utc } from "../../state/settings";
import type { Span } from "../../charts/spans";

const WIDTH = 220;
/** Spans that are read out; more would not be listened to. */
const TOLD = 10;

export function Timeline({ spans, start, end, step, broken = false, width = WIDTH }: { spans: readonly Span[]; start: number; end: number; step: number; broken?: boolean; width?: number }) {
  const x = (time: number) => Math.min(width, Math.max(0, ((time - start) / Math.max(1, end - start)) * width));
  const clock = { utc: utc.value };
  const told = spans.slice(0, TOLD).map((span) => `${span.state} ${hourMinute(span.from, clock)} to ${hourMinute(span.to, clock)}`);
  if (spans.length > TOLD) told.push(`${spans.length - TOLD} more`);
  return (
    <svg class="timeline" width={width} height="14" role="img" aria-label={told.length === 0 ? "quiet" : told.join(", ")}>
      <rect x="0" y="6" width={width} height="2" fill="var(--line)" />
      {spans.map((span) => (
        <rect
          key={`${span.state} ${span.from}`}
          x={x(span.from)}
          y="2"
          width={Math.max(2, x(span.to + step) - x(span.from))}
          height="10"
          rx="1"
          fill={span.state === "firing" ? "var(--crit)" : "var(--warn-fill)"}
        >
          <title>{`${span.state} from ${hourMinute(span.from, clock)} to ${hourMinute(span.to, clock)}`}</title>
        </rect>
      ))}
      {broken && <rect x={width - 8} y="2" width="8" height="10" fill="none" stroke="var(--crit)" stroke-dasharray="2 2" />}
    </svg>
  );
}
