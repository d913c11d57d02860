// The targets of a job.

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { all, range as rangeQuery } from "../../api/promql";
import type { ActiveTarget } from "../../api/types";
import { NO_VALUES, type Values, toLines } from "../../charts/series";
import { Spark } from "../../charts/spark";
import { count, duration } from "../../format/numbers";
import { ago } from "../../format/time";
import { Mark } from "../../parts/icons";
import { type Column, Table } from "../../parts/table";
import { now, stepFor, window_ } from "../../state/range";
import { type Job, isSlow } from "./model";
import { TargetDetail } from "./target-detail";

/** Larger jobs get no lines of their past. */
const SPARKS = 300;

interface Past {
  took: Values;
  samples: number | undefined;
}

function usePast(job: Job): Map<string, Past> {
  const { start, end } = window_.value;
  const step = stepFor(end - start, 60);
  const scope = `{job=~${JSON.stringify([...new Set(job.targets.map((target) => target.labels["job"] ?? ""))].map(escape).join("|"))}}`;
  const few = job.targets.length > 0 && job.targets.length <= SPARKS;
  const answer = useAsk(
    few
      ? (signal) =>
          all({
            took: rangeQuery(`scrape_duration_seconds${scope}`, start, end, step, signal),
            samples: rangeQuery(`scrape_samples_scraped${scope}`, end, end, 1, signal),
          })
      : undefined,
    [scope, start, end, step, few],
  ).state.value.answer?.data;
  return useMemo(() => {
    const past = new Map<string, Past>();
    const id = (labels: Record<string, string>) => `${labels["job"] ?? ""} ${labels["instance"] ?? ""}`;
    for (const line of toLines(answer?.["took"] ?? [], start, end, step).lines) past.set(id(line.labels), { took: line.values, samples: undefined });
    for (const series of answer?.["samples"] ?? []) {
      const known = past.get(id(series.metric)) ?? { took: NO_VALUES, samples: undefined };
      const value = series.values?.[0]?.[1];
      past.set(id(series.metric), { ...known, samples: value === undefined ? undefined : Number(value) });
    }
    return past;
  }, [answer]);
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

export function TargetTable({ job }: { job: Job }) {
  const past = usePast(job);
  const of = (target: ActiveTarget) => past.get(`${target.labels["job"] ?? ""} ${target.labels["instance"] ?? ""}`);
  const first = job.targets[0];
  const columns = useMemo(
    (): Column<ActiveTarget>[] => [
      {
        id: "target",
        head: "Target",
        by: (target) => target.labels["instance"] ?? "",
        cell: (target) => (
          <>
            <Mark kind={target.health === "up" ? (isSlow(target) ? "warning" : "up") : target.health === "down" ? "down" : "unknown"} label={target.health} />{" "}
            <span class="med">{target.labels["instance"]}</span>
          </>
        ),
      },
      { id: "path", head: "Path", by: (target) => pathOf(target), cell: (target) => <span class="t2">{pathOf(target)}</span> },
      { id: "last", head: "Last scrape", right: true, by: (target) => Date.parse(target.lastScrape), cell: (target) => <Age at={Date.parse(target.lastScrape) / 1000} /> },
      {
        id: "took",
        head: "Took",
        right: true,
        by: (target) => target.lastScrapeDuration,
        cell: (target) => <span class={isSlow(target) ? "warn strong" : ""}>{target.health === "unknown" ? "–" : duration(target.lastScrapeDuration)}</span>,
      },
      { id: "spark", head: "Duration", right: true, cell: (target) => <Spark values={of(target)?.took ?? NO_VALUES} /> },
      {
        id: "samples",
        head: "Samples",
        right: true,
        by: (target) => of(target)?.samples ?? NaN,
        cell: (target) => {
          const samples = of(target)?.samples;
          return samples === undefined ? "–" : count(samples);
        },
      },
      {
        id: "note",
        head: "Note",
        cell: (target) =>
          target.lastError !== "" ? (
            <span class="crit small">{brief(target.lastError)}</span>
          ) : isSlow(target) ? (
            <span class="t2 small">
              {duration(target.lastScrapeDuration)} of {target.scrapeTimeout} allowed
            </span>
          ) : null,
      },
    ],
    [past],
  );
  return (
    <section class="panel" aria-label={`Targets of ${job.name}`}>
      <header>
        <h2>{job.name}</h2>
        {first && (
          <span class="u">
            every {first.scrapeInterval}, timeout {first.scrapeTimeout}
          </span>
        )}
      </header>
      <Table rows={job.targets} columns={columns} keyOf={(target) => target.scrapeUrl + JSON.stringify(target.labels)} label={`Targets of ${job.name}`} detail={(target) => <TargetDetail target={target} />} />
    </section>
  );
}

function Age({ at }: { at: number }) {
  return <span class="t2">{Number.isFinite(at) && at > 0 ? ago(at, now.value) : "not yet"}</span>;
}

function pathOf(target: ActiveTarget): string {
  try {
    const url = new URL(target.scrapeUrl);
    return url.pathname + url.search;
  } catch {
    return target.scrapeUrl;
  }
}

/** The end of a long error says what happened. */
function brief(error: string): string {
  const parts = error.split(": ");
  return parts.length <= 2 ? error : parts.slice(-2).join(": ");
}
