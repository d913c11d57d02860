// When an alert was pending and when it fired.

import type { BacktestAlert, LabelSet, MatrixSeries } from "../../api/types";
import { type Span, spansOf } from "../../charts/spans";

/** The past of one alert. */
export interface Past {
  labels: LabelSet;
  spans: Span[];
}

/** Spans of all alerts of a name. */
export function spans(past: readonly MatrixSeries[], name: string, step: number): Span[] {
  return past.filter((series) => series.metric["alertname"] === name).flatMap((series) => spansOf(series, step));
}

/** Labels that name the series and not the alert. */
const OF_SERIES = new Set(["__name__", "alertname", "alertstate"]);

function ownLabels(labels: LabelSet): LabelSet {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !OF_SERIES.has(name)));
}

/** The alerts that `ALERTS` tells of, those that fired longest first. */
export function pastOf(series: readonly MatrixSeries[], step: number): Past[] {
  const found = new Map<string, Past>();
  for (const one of series) {
    const labels = ownLabels(one.metric);
    const key = JSON.stringify(Object.entries(labels).sort());
    const past = found.get(key) ?? { labels, spans: [] };
    past.spans.push(...spansOf(one, step));
    found.set(key, past);
  }
  return byFiring([...found.values()], step);
}

/** The alerts that a backtest tells of, those that fired longest first. */
export function wouldBe(alerts: readonly BacktestAlert[], interval: number): Past[] {
  const span = (state: string) => ([from, to]: [number, number]): Span => ({ from, to, state });
  const all = alerts.map((alert) => ({ labels: ownLabels(alert.labels), spans: [...alert.pending.map(span("pending")), ...alert.firing.map(span("firing"))] }));
  return byFiring(all, interval);
}

function byFiring(all: Past[], step: number): Past[] {
  return all.sort((a, b) => firing(b.spans, step).seconds - firing(a.spans, step).seconds);
}

/** How often and how long something fired; a span lasts up to the evaluation after its last. */
export function firing(all: readonly Span[], step: number): { times: number; seconds: number } {
  const fired = all.filter((span) => span.state === "firing");
  return { times: fired.length, seconds: fired.reduce((sum, span) => sum + span.to - span.from + step, 0) };
}
