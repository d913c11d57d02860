// What is wrong, and where?

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { instants, ranges } from "../../api/batch";
import { instant } from "../../api/promql";
import { stepFor, window_ } from "../../state/range";
import { place } from "../../state/url";
import { TimeBar } from "../../parts/timebar";
import { Show } from "../../parts/states";
import { CHECKS, findings, scopedCheck, worstFirst } from "./attention";
import { AttentionList } from "./attention-list";
import { Figures } from "./figures";
import { FileSystems } from "./file-systems";
import { Matrix } from "./matrix";
import { NodeTable } from "./node-table";
import { ScopeBar } from "./scope-bar";
import { CHOICES, readScope, scoped } from "./scope";
import { FULLEST, RESOURCES, rateWindow, scopedResource, withWindow } from "./use";
import "./overview.css";

const POINTS = 160;

export default function Overview() {
  const { start, end } = window_.value;
  const step = stepFor(end - start, POINTS);
  const rates = rateWindow(step);
  const { params } = place.value;
  const narrowed = JSON.stringify(readScope(params));
  const scope = useMemo(() => readScope(params), [narrowed]);
  const checks = useMemo(() => CHECKS.map((check) => scopedCheck(check, scope)), [scope]);
  const resources = useMemo(() => RESOURCES.map((resource) => scopedResource(resource, scope)), [scope]);
  const choices = useAsk((signal) => instant(CHOICES, end, signal), [end]);
  const nodes = useAsk((signal) => instant(scoped("count(count by (instance) (node_cpu_seconds_total or node_load1))", scope), end, signal), [end, scope]);
  const alone = (nodes.state.value.answer?.data[0]?.value ?? 0) === 1;
  const attention = useAsk((signal) => instants(Object.fromEntries(checks.map((check) => [check.id, check.query])), end, signal), [end, scope]);
  const matrix = useAsk(
    (signal) => {
      const queries = resources.flatMap((resource) => resource.figures).map((figure) => [figure.id, withWindow((alone && figure.parts?.query) || figure.query, rates)]);
      return ranges(Object.fromEntries(queries) as Record<string, string>, start, end, step, signal);
    },
    [start, end, step, alone, scope],
  );
  const errors = useAsk(
    (signal) => {
      const queries = resources.flatMap((resource) => resource.errors).map((error) => [error.title, withWindow(error.query, rates)]);
      return instants({ ...(Object.fromEntries(queries) as Record<string, string>), fullest: scoped(FULLEST, scope) }, end, signal);
    },
    [end, rates, scope],
  );
  const found = useMemo(() => {
    const answer = attention.state.value.answer;
    return answer && worstFirst(checks.flatMap((check) => findings(check, answer.data[check.id] ?? [])));
  }, [attention.state.value.answer]);
  return (
    <>
      <div class="bar">
        <h1>Overview</h1>
        <ScopeBar scope={scope} found={(choices.state.value.answer?.data ?? []).map((one) => one.labels)} />
        <span class="sp" />
        <TimeBar />
      </div>
      <div class="page-body">
        <Figures end={end} rates={rates} scope={scope} />
        <section class="panel" aria-label="Needs attention">
          <header>
            <h2>Needs attention</h2>
            {found && <span class="u">{found.length === 0 ? "nothing" : `${found.length}, worst first`}</span>}
          </header>
          <Show asked={attention.state.value} cancel={attention.cancel} infos={false}>
            {() => <AttentionList found={found ?? []} checks={checks} start={start} end={end} />}
          </Show>
        </section>
        <div class="section">
          <h2>{alone ? "This host" : "Nodes"}: utilisation, saturation, errors</h2>
          <span>{alone ? "each line is a device" : "each grey line is a node; the ones that stand out are named"}</span>
        </div>
        <section class="panel" aria-label="Utilisation, saturation and errors">
          <Show
            asked={matrix.state.value}
            cancel={matrix.cancel}
            infos={false}
            empty={(data) => (Object.values(data).every((series) => series.length === 0) ? <NoNodes /> : undefined)}
          >
            {(data) => <Matrix resources={resources} data={data} errors={errors.state.value.answer?.data ?? {}} alone={alone} start={start} end={end} step={step} rates={rates} />}
          </Show>
        </section>
        {alone && <FileSystems end={end} scope={scope} />}
        {!alone && matrix.state.value.answer && (
          <NodeTable scope={scope} data={matrix.state.value.answer.data} fullest={errors.state.value.answer?.data["fullest"] ?? []} start={start} end={end} step={step} />
        )}
      </div>
    </>
  );
}

function NoNodes() {
  return (
    <div class="state">
      <div class="strong">No node metrics in this window</div>
      <div class="t2">
        Rates need two scrapes: within 30 s of a start they come by themselves. Otherwise no target serves <code>node_cpu_seconds_total</code>: scrape a
        node exporter, or the built-in collector at <code>/host/metrics</code>.
      </div>
    </div>
  );
}
