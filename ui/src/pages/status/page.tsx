// Is the server itself sound?

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { DamageData } from "../../api/types";
import { count, duration, format } from "../../format/numbers";
import { ago } from "../../format/time";
import { Empty, Show } from "../../parts/states";
import { Table } from "../../parts/table";
import { TimeBar } from "../../parts/timebar";
import { look, now } from "../../state/range";
import { place, setParams } from "../../state/url";

const TABS = [
  ["health", "Health"],
  ["storage", "Storage"],
  ["config", "Configuration"],
  ["flags", "Flags"],
] as const;

type Tab = (typeof TABS)[number][0];

/** Prometheus's paths lead to our part of that meaning. */
const BY_PATH: Record<string, Tab> = { config: "config", "config-and-flags": "config", flags: "flags", tsdb: "storage" };

export default function Status() {
  const { path, params } = place.value;
  const tab = TABS.find(([id]) => id === params.get("tab"))?.[0] ?? BY_PATH[path] ?? "health";
  return (
    <>
      <div class="bar">
        <h1>Status</h1>
        <span class="seg" role="group" aria-label="Part">
          {TABS.map(([id, title]) => (
            <button key={id} type="button" aria-pressed={id === tab} onClick={() => setParams({ tab: id })}>
              {title}
            </button>
          ))}
        </span>
        <span class="sp" />
        <TimeBar window={false} />
      </div>
      <div class="page-body">
        {tab === "health" && <Health />}
        {tab === "storage" && <Storage />}
        {tab === "config" && <Config />}
        {tab === "flags" && <Flags />}
      </div>
    </>
  );
}

type Facts = Record<string, string | number | boolean>;

function Facts({ title, path }: { title: string; path: string }) {
  const asked = useAsk<Facts>((signal) => get(path, {}, signal), [path, look.value]);
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(facts) => (
          <table aria-label={title}>
            <tbody>
              {Object.entries(facts).map(([name, value]) => (
                <tr key={name}>
                  <td class="t2">{name}</td>
                  <td class={`wrap${name === "reloadConfigSuccess" && value === false ? " crit strong" : ""}`}>{String(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Show>
    </section>
  );
}

function Health() {
  return (
    <>
      <Facts title="Server" path="status/runtimeinfo" />
      <Facts title="Build" path="status/buildinfo" />
    </>
  );
}

interface Tsdb {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
}

function Storage() {
  const asked = useAsk<Tsdb>((signal) => get("status/tsdb", { limit: 1 }, signal), [look.value]);
  const damage = useAsk<DamageData>((signal) => get("narthex/storage/damage", {}, signal), [look.value]);
  return (
    <>
      <section class="panel" aria-label="Head">
        <header>
          <h2>Head</h2>
          <span class="u">what is in no block yet</span>
        </header>
        <Show asked={asked.state.value} cancel={asked.cancel}>
          {({ headStats: head }) => (
            <table aria-label="Head">
              <tbody>
                {(
                  [
                    ["Series", count(head.numSeries)],
                    ["Label pairs", count(head.numLabelPairs)],
                    ["Chunks", count(head.chunkCount)],
                    ["Holds", duration((head.maxTime - head.minTime) / 1000)],
                    ["Newest sample", ago(head.maxTime / 1000, now.value)],
                  ] as const
                ).map(([name, value]) => (
                  <tr key={name}>
                    <td class="t2">{name}</td>
                    <td>{value}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Show>
      </section>
      <section class="panel" aria-label="Damage">
        <header>
          <h2>Damage</h2>
          <span class="u">found on the disk since the start, and set aside</span>
        </header>
        <Show asked={damage.state.value} cancel={damage.cancel} empty={(data) => (data.files.length === 0 ? <Empty title="No damage was found" /> : undefined)}>
          {(data) => (
            <Table
              rows={data.files.map((file, i) => ({ ...file, id: `${i}` }))}
              keyOf={(row) => row.id}
              label="Damage"
              columns={[
                { id: "path", head: "File", by: (row) => row.path, wrap: true, cell: (row) => <code>{row.path}</code> },
                { id: "kind", head: "Kind", by: (row) => row.kind, cell: (row) => row.kind },
                { id: "bytes", head: "Bytes", right: true, by: (row) => row.bytes ?? 0, cell: (row) => (row.bytes === null ? "" : format(row.bytes, "bytes")) },
                { id: "action", head: "What was done", cell: (row) => row.action },
                { id: "detail", head: "Detail", wrap: true, cell: (row) => <span class="t2">{row.detail}</span> },
              ]}
            />
          )}
        </Show>
      </section>
    </>
  );
}

function Config() {
  const asked = useAsk<{ yaml: string }>((signal) => get("status/config", {}, signal), [look.value]);
  return (
    <section class="panel" aria-label="Configuration">
      <header>
        <h2>Configuration</h2>
        <span class="u">in force, defaults filled in, secrets hidden</span>
      </header>
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(data) => <pre class="yaml">{data.yaml}</pre>}
      </Show>
    </section>
  );
}

function Flags() {
  const asked = useAsk<Record<string, string>>((signal) => get("status/flags", {}, signal), []);
  return (
    <section class="panel" aria-label="Flags">
      <Show asked={asked.state.value} cancel={asked.cancel}>
        {(flags) => (
          <Table
            rows={Object.entries(flags)}
            keyOf={([name]) => name}
            label="Flags"
            columns={[
              { id: "flag", head: "Flag", by: ([name]) => name, cell: ([name]) => <code>--{name}</code> },
              { id: "value", head: "Value", by: ([, value]) => value, wrap: true, cell: ([, value]) => value },
            ]}
          />
        )}
      </Show>
    </section>
  );
}
