// Why is it not scraped?

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { TargetsData } from "../../api/types";
import { Empty, Show } from "../../parts/states";
import { TimeBar } from "../../parts/timebar";
import { look } from "../../state/range";
import { place, setParams } from "../../state/url";
import { Dropped } from "./dropped";
import { type Job, type Kind, jobsOf, matches, worth } from "./model";
import { TargetTable } from "./target-table";
import "./targets.css";

const KINDS: readonly [Kind, string][] = [
  ["all", "All"],
  ["down", "Down"],
  ["slow", "Slow"],
  ["dropped", "Dropped"],
];

export default function Targets() {
  const asked = useAsk<TargetsData>((signal) => get("targets", {}, signal), [look.value]);
  const { params } = place.value;
  const chosen = params.get("job");
  const kind = KINDS.find(([id]) => id === params.get("show"))?.[0] ?? "all";
  const filter = params.get("filter") ?? "";
  const data = asked.state.value.answer?.data;
  const jobs = useMemo(() => (data ? jobsOf(data) : []), [data]);
  const counts = useMemo(() => count(jobs), [jobs]);
  return (
    <>
      <div class="bar">
        <h1>Targets</h1>
        <input
          class="input filter"
          data-filter
          placeholder={'address, label="value" or error text'}
          aria-label="Filter targets"
          value={filter}
          onInput={(event) => setParams({ filter: event.currentTarget.value || null })}
        />
        <span class="seg" role="group" aria-label="Which targets">
          {KINDS.map(([id, title]) => (
            <button key={id} type="button" aria-pressed={id === kind} onClick={() => setParams({ show: id === "all" ? null : id })}>
              {title} {counts[id]}
            </button>
          ))}
        </span>
        <span class="sp" />
        <TimeBar window={false} />
      </div>
      <div class="page-body">
        <Show
          asked={asked.state.value}
          cancel={asked.cancel}
          empty={() => (jobs.length === 0 ? <NoJobs /> : undefined)}
        >
          {(all) => (
            <div class="targets">
              <JobList jobs={jobs} chosen={chosen} />
              {kind === "dropped" ? <Dropped data={all} job={chosen} filter={filter} /> : <Pools jobs={jobs} chosen={chosen} kind={kind} filter={filter} />}
            </div>
          )}
        </Show>
      </div>
    </>
  );
}

function count(jobs: readonly Job[]): Record<Kind, number> {
  const sum = (of: (job: Job) => number) => jobs.reduce((all, job) => all + of(job), 0);
  return { all: sum((job) => job.targets.length), down: sum((job) => job.down), slow: sum((job) => job.slow), dropped: sum((job) => job.dropped) };
}

function NoJobs() {
  return (
    <Empty title="Nothing is scraped">
      <div class="t2">
        A start without <code>--config.file</code> scrapes this server and this host. With one, each entry of <code>scrape_configs</code> is a job: name its targets with{" "}
        <code>static_configs</code> or let discovery find them.
      </div>
    </Empty>
  );
}

function JobList({ jobs, chosen }: { jobs: readonly Job[]; chosen: string | null }) {
  return (
    <section class="panel jobs" aria-label="Jobs">
      <header>
        <h2>Jobs</h2>
        <span class="u">{jobs.length}</span>
        <span class="r">up / all</span>
      </header>
      {jobs.map((job) => {
        const up = job.targets.length - job.down;
        const share = job.targets.length === 0 ? 0 : (up / job.targets.length) * 100;
        return (
          <button key={job.name} type="button" class="job" aria-pressed={job.name === chosen} onClick={() => setParams({ job: job.name === chosen ? null : job.name })}>
            <span>{job.name}</span>
            <span class="t3">
              {up} / {job.targets.length}
            </span>
            <i class="share" aria-hidden="true">
              <i style={{ width: `${share}%` }} />
              {job.down > 0 && <i class="down" style={{ width: `${100 - share}%` }} />}
            </i>
          </button>
        );
      })}
    </section>
  );
}

/** Jobs that are shown at once; more of them are chosen from the list. */
const POOLS = 20;

function Pools({ jobs, chosen, kind, filter }: { jobs: readonly Job[]; chosen: string | null; kind: Kind; filter: string }) {
  const shown = useMemo(
    () =>
      jobs
        .filter((job) => chosen === null || job.name === chosen)
        .map((job) => ({ ...job, targets: job.targets.filter((target) => worth(target, kind) && matches(target, filter)) }))
        .filter((job) => job.targets.length > 0 || job.name === chosen),
    [jobs, chosen, kind, filter],
  );
  return (
    <div class="pools">
      {shown.length === 0 && (
        <section class="panel">
          <Empty title="No target is like that">
            <button type="button" class="btn" onClick={() => setParams({ show: null, filter: null, job: null })}>
              Show all
            </button>
          </Empty>
        </section>
      )}
      {shown.slice(0, POOLS).map((job) => (
        <TargetTable key={job.name} job={job} />
      ))}
      {shown.length > POOLS && <div class="t3">{shown.length - POOLS} more jobs: choose one at the left.</div>}
    </div>
  );
}
