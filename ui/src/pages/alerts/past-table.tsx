// Alerts with their times: how often, how long, and when.

import { count, duration } from "../../format/numbers";
import { dayMonth, hourMinute } from "../../format/time";
import { Empty } from "../../parts/states";
import { utc } from "../../state/settings";
import { type Past, firing } from "./spans";
import { Timeline } from "./timeline";

/** More alerts of one rule are counted only. */
const SHOWN = 20;
const WIDTH = 420;

export function PastTable({ past, start, end, step, label }: { past: readonly Past[]; start: number; end: number; step: number; label: string }) {
  if (past.length === 0) return <Empty title="Quiet all the time" />;
  const clock = { utc: utc.value };
  const at = (time: number) => (end - start > 86_400 ? `${dayMonth(time, clock)} ` : "") + hourMinute(time, clock);
  return (
    <>
      <table aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Alert</th>
            <th scope="col" class="r">Fired</th>
            <th scope="col" class="r">In all</th>
            <th scope="col">
              <span class="ends" style={{ width: `${WIDTH}px` }}>
                <span>{at(start)}</span>
                <span>{at(end)}</span>
              </span>
            </th>
          </tr>
        </thead>
        <tbody>
          {past.slice(0, SHOWN).map(({ labels, spans }) => {
            const { times, seconds } = firing(spans, step);
            return (
              <tr key={JSON.stringify(labels)}>
                <td class="wrap">
                  {Object.entries(labels).map(([name, value]) => (
                    <span key={name} class="chip">
                      {name}={value}
                    </span>
                  ))}
                </td>
                <td class="r">{times === 0 ? <span class="t3">never</span> : `${count(times)} ×`}</td>
                <td class="r">{seconds === 0 ? "" : duration(seconds)}</td>
                <td>
                  <Timeline spans={spans} start={start} end={end} step={step} width={WIDTH} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {past.length > SHOWN && <div class="t3">{count(past.length - SHOWN)} more alerts</div>}
    </>
  );
}
