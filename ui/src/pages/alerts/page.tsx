// What fires, did it, would it?

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import { range as rangeQuery } from "../../api/promql";
import type { MatrixSeries, Rule, RulesData } from "../../api/types";
import { duration } from "../../format/numbers";
import { Mark } from "../../parts/icons";
import { Empty, Show } from "../../parts/states";
import { type Column, Table } from "../../parts/table";
import { TimeBar } from "../../parts/timebar";
import { look, stepFor, window_ } from "../../state/range";
import { place, setParams } from "../../state/url";
import { RuleDetail } from "./rule-detail";
import { spans } from "./spans";
import { Timeline } from "./timeline";
import "./alerts.css";

export interface Row {
  rule: Rule;
  group: string;
  file: string;
  interval: number;
  state: "firing" | "pending" | "broken" | "quiet";
}

const ORDER = { firing: 0, pending: 1, broken: 2, quiet: 3 } as const;

function rowsOf(data: RulesData): Row[] {
  const rows = data.groups.flatMap((group) =>
    group.rules.map((rule): Row => {
      const state = rule.health === "err" ? "broken" : rule.state === "firing" || rule.state === "pending" ? rule.state : "quiet";
      return { rule, group: group.name, file: group.file, interval: group.interval, state };
    }),
  );
  return rows.sort((a, b) => ORDER[a.state] - ORDER[b.state]);
}

export default function Alerts() {
  const recording = place.value.params.get("kind") === "recording";
  const filter = place.value.params.get("filter") ?? "";
  const asked = useAsk<RulesData>((signal) => get("rules", {}, signal), [look.value]);
  const { start, end } = window_.value;
  const step = stepFor(end - start, 240);
  const past = useAsk((signal) => rangeQuery('max by (alertname, alertstate) (ALERTS)', start, end, step, signal), [start, end, step]).state.value.answer?.data ?? [];
  const rows = useMemo(() => (asked.state.value.answer ? rowsOf(asked.state.value.answer.data) : []), [asked.state.value.answer]);
  const shown = rows.filter((row) => (row.rule.type === "recording") === recording && `${row.rule.name} ${row.group} ${row.rule.query}`.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <div class="bar">
        <h1>Alerts</h1>
        <input class="input filter" data-filter placeholder="name, group or expression" aria-label="Filter rules" value={filter} onInput={(event) => setParams({ filter: event.currentTarget.value || null })} />
        <span class="seg" role="group" aria-label="Kind of rules">
          <button type="button" aria-pressed={!recording} onClick={() => setParams({ kind: null })}>
            Alerting
          </button>
          <button type="button" aria-pressed={recording} onClick={() => setParams({ kind: "recording" })}>
            Recording
          </button>
        </span>
        <span class="sp" />
        <TimeBar />
      </div>
      <div class="page-body">
        <section class="panel" aria-label="Rules">
          <Show asked={asked.state.value} cancel={asked.cancel} empty={() => (rows.length === 0 ? <NoRules /> : undefined)}>
            {() => (shown.length === 0 ? <NoneSo recording={recording} filtered={filter !== ""} /> : <Rules rows={shown} recording={recording} past={past} start={start} end={end} step={step} />)}
          </Show>
        </section>
      </div>
    </>
  );
}

function NoneSo({ recording, filtered }: { recording: boolean; filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No rule is like that">
        <button type="button" class="btn" onClick={() => setParams({ filter: null })}>
          Show all
        </button>
      </Empty>
    );
  }
  return (
    <Empty title={recording ? "No recording rules" : "No alerting rules"}>
      <button type="button" class="btn" onClick={() => setParams({ kind: recording ? null : "recording" })}>
        {recording ? "Show alerting rules" : "Show recording rules"}
      </button>
    </Empty>
  );
}

function NoRules() {
  return (
    <Empty title="No rules">
      <div class="t2">
        The configuration names rule files under <code>rule_files</code>; each has groups of recording and alerting rules.
      </div>
    </Empty>
  );
}

function Rules({ rows, recording, past, start, end, step }: { rows: Row[]; recording: boolean; past: MatrixSeries[]; start: number; end: number; step: number }) {
  const columns = useMemo((): Column<Row>[] => {
    const state: Column<Row> = { id: "state", head: "State", by: (row) => ORDER[row.state], cell: (row) => <State state={row.state} /> };
    const name: Column<Row> = { id: "name", head: recording ? "Series" : "Alert", by: (row) => row.rule.name, cell: (row) => <span class="med">{row.rule.name}</span> };
    const group: Column<Row> = { id: "group", head: "Group", by: (row) => row.group, cell: (row) => <span class="t2">{row.group}</span> };
    const cost: Column<Row> = { id: "cost", head: "Takes", right: true, by: (row) => row.rule.evaluationTime, cell: (row) => duration(row.rule.evaluationTime) };
    if (recording) {
      const every: Column<Row> = { id: "every", head: "Every", right: true, by: (row) => row.interval, cell: (row) => duration(row.interval) };
      return [state, name, group, cost, every, { id: "error", head: "Note", wrap: true, cell: (row) => <span class="crit small">{row.rule.lastError}</span> }];
    }
    return [
      state,
      name,
      { id: "severity", head: "Severity", by: (row) => row.rule.labels?.["severity"] ?? "", cell: (row) => <span class="t2">{row.rule.labels?.["severity"] ?? ""}</span> },
      { id: "active", head: "Active", right: true, by: (row) => row.rule.alerts?.length ?? 0, cell: (row) => (row.rule.alerts?.length ? row.rule.alerts.length : "") },
      group,
      cost,
      { id: "timeline", head: "Window", right: true, cell: (row) => <Timeline spans={spans(past, row.rule.name, step)} start={start} end={end} step={step} broken={row.state === "broken"} /> },
    ];
  }, [recording, past, start, end, step]);
  return (
    <Table
      rows={rows}
      columns={columns}
      keyOf={(row) => `${row.file} ${row.group} ${row.rule.name} ${row.rule.query} ${JSON.stringify(row.rule.labels)}`}
      label={recording ? "Recording rules" : "Alerting rules"}
      detail={(row) => <RuleDetail row={row} />}
    />
  );
}

function State({ state }: { state: Row["state"] }) {
  const mark = { firing: "critical", pending: "warning", broken: "down", quiet: "unknown" } as const;
  return (
    <>
      <Mark kind={mark[state]} label={state} /> {state}
    </>
  );
}
