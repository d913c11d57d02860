// Is the server sound: what it is, since when it runs, what it holds.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { count, duration, format } from "../../format/numbers";
import { fullTime } from "../../format/time";
import { Show } from "../../parts/states";
import { ahead } from "../../state/clock";
import { look, now } from "../../state/range";
import { utc } from "../../state/settings";
import { all, instant } from "../../api/promql";
import { Notices } from "./notices";
import { Pairs } from "./pairs";

/** Of the server's own process, where it scrapes itself. */
const OWN = {
  cpu: 'rate(process_cpu_seconds_total{job="narthex"}[5m])',
  memory: 'process_resident_memory_bytes{job="narthex"}',
  files: 'process_open_fds{job="narthex"}',
} as const;

const seconds = (text: string) => Date.parse(text) / 1000;

export function Health() {
  const runtime = useAsk((signal) => get("status/runtimeinfo", {}, signal), [look.value]);
  const build = useAsk((signal) => get("status/buildinfo", {}, signal), [look.value]);
  const own = useAsk((signal) => all(Object.fromEntries(Object.entries(OWN).map(([id, query]) => [id, instant(query, now.peek(), signal)]))), [look.value]).state.value.answer?.data;
  const used = (id: keyof typeof OWN) => own?.[id]?.[0]?.value;
  return (
    <>
      <Notices />
      <section class="panel" aria-label="Server">
        <header>
          <h2>Server</h2>
        </header>
        <Show asked={runtime.state.value} cancel={runtime.cancel}>
          {(server) => {
            const apart = ahead.value;
            return (
              <Pairs
                label="Server"
                pairs={[
                  ["Running for", duration(Math.max(0, Math.round(now.value - seconds(server.startTime)))), `since ${fullTime(seconds(server.startTime), { utc: utc.value })}`],
                  [
                    "Configuration",
                    server.reloadConfigSuccess ? "in force" : <span class="crit strong">could not be loaded; the one before is in force</span>,
                    `read at ${fullTime(seconds(server.lastConfigTime), { utc: utc.value })}`,
                  ],
                  ["Keeps samples for", server.storageRetention],
                  ["Damage found", server.corruptionCount === 0 ? "none" : <span class="warn strong">{count(server.corruptionCount)} places</span>],
                  ...(apart === 0 ? [] : ([["Clock", <span class="warn">{`${duration(Math.abs(apart))} ${apart > 0 ? "ahead of" : "behind"} this browser’s`}</span>]] as const)),
                  ["Host", server.hostname],
                  ["Directory", <code>{server.CWD}</code>],
                ]}
              />
            );
          }}
        </Show>
      </section>
      {own && used("memory") !== undefined && (
        <section class="panel" aria-label="What it uses">
          <header>
            <h2>What it uses</h2>
          </header>
          <Pairs
            label="What it uses"
            pairs={[
              ["Processor", used("cpu") === undefined ? "–" : format(used("cpu") ?? 0, "ratio"), "of one core, over 5 min"],
              ["Memory", format(used("memory") ?? 0, "bytes")],
              ["Open files", count(used("files") ?? 0)],
            ]}
          />
        </section>
      )}
      <section class="panel" aria-label="Build">
        <header>
          <h2>Build</h2>
        </header>
        <Show asked={build.state.value} cancel={build.cancel}>
          {(built) => (
            <Pairs
              label="Build"
              pairs={[
                ["narthex", built.revision.replace(/^narthex-/, "")],
                ["Behaves as Prometheus", built.version],
              ]}
            />
          )}
        </Show>
      </section>
    </>
  );
}
