// What a page shows when there is no picture: loading, empty, error, partial, starting, stopping, offline. One component each.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, type Remarks, answeredAt, online } from "../api/client";
import type { Asked } from "../api/ask";
import { duration } from "../format/numbers";
import { clockTime } from "../format/time";
import { ahead } from "../state/clock";
import { utc } from "../state/settings";
import { Starting } from "./starting";
import { Stopping } from "./stopping";

/** From here on somebody notices that it takes time, and from there on wants a way out, ms. */
const [NOTICED, LONG] = [200, 2000];

/** How long a question has been on its way, in these steps. */
function useAge(loading: boolean, since: number): number {
  const [age, setAge] = useState(0);
  useEffect(() => {
    setAge(0);
    const timers = loading ? [NOTICED, LONG].map((ms) => setTimeout(() => setAge(ms), ms)) : [];
    return () => timers.forEach(clearTimeout);
  }, [loading, since]);
  return loading ? age : 0;
}

/** Whether what is shown is the picture of before, while the next is on its way, or of a server that is gone. */
export function useOld({ loading, since }: Asked<unknown>): boolean {
  return useAge(loading, since) >= NOTICED || !online.value;
}

/** A bar, and later a way out. */
export function Loading({ since, cancel }: { since: number; cancel?: (() => void) | undefined }) {
  const age = useAge(true, since);
  if (age < NOTICED) return null;
  return (
    <div class="loading" role="status">
      <div class="progress" />
      <span class="visually-hidden">Loading</span>
      {age >= LONG && cancel && (
        <button type="button" class="btn small" onClick={cancel}>
          Cancel
        </button>
      )}
    </div>
  );
}

/** Why there is nothing, and what helps. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <div class="strong">{title}</div>
      {children}
    </div>
  );
}

/** The server's own text; the place that a query's error names is underlined. */
export function Failed({ error, query, children }: { error: ApiError; query?: string; children?: ComponentChildren }) {
  if (error.kind === "starting") return <Starting />;
  if (error.kind === "stopping") return <Stopping />;
  return (
    <div class="state error" role="alert">
      <div class="strong">{error.kind === "offline" ? "The server does not answer" : "That did not work"}</div>
      {error.kind === "offline" ? <div class="t2">Nothing is lost: this page asks again by itself.</div> : <pre>{error.message}</pre>}
      {query !== undefined && <Underlined query={query} error={error} />}
      {children}
    </div>
  );
}

function Underlined({ query, error }: { query: string; error: ApiError }) {
  const position = error.position;
  if (position === undefined) return null;
  const lines = query.split("\n");
  const line = lines[position.line - 1] ?? "";
  const from = Math.min(position.column - 1, Math.max(0, line.length - 1));
  const rest = /^(\w+|.)/.exec(line.slice(from))?.[0] ?? "";
  return (
    <code>
      {line.slice(0, from)}
      <u class="crit">{rest === "" ? " " : rest}</u>
      {line.slice(from + rest.length)}
    </code>
  );
}

/** Warnings and infos beside the data. */
export function RemarksList({ remarks }: { remarks: Remarks }) {
  const all = [...remarks.warnings, ...remarks.infos];
  if (all.length === 0) return null;
  return (
    <ul class="remarks">
      {all.slice(0, 5).map((text) => (
        <li key={text}>{text}</li>
      ))}
      {all.length > 5 && <li>{all.length - 5} more remarks</li>}
    </ul>
  );
}

/** Above every page when nobody answers. */
export function Offline() {
  if (online.value) return null;
  const at = answeredAt.value;
  return (
    <div class="remarks" role="alert">
      The server does not answer. {at > 0 && `What you see is of ${clockTime(at, { utc: utc.value })}.`} This page tries again by itself.
    </div>
  );
}

/** Above every page when the clocks differ. */
export function OtherClock() {
  const seconds = ahead.value;
  if (seconds === 0) return null;
  const apart = Math.abs(seconds);
  return (
    <div class="remarks" role="status">
      This browser’s clock is {duration(apart < 60 ? apart : Math.round(apart / 60) * 60)} {seconds > 0 ? "behind" : "ahead of"} the server’s. Times on these pages are the server’s.
    </div>
  );
}

/** The usual way of a question: picture, or what stands in its place. */
export function Show<T>({
  asked,
  cancel,
  query,
  infos = true,
  empty,
  children,
}: {
  asked: Asked<T>;
  cancel?: (() => void) | undefined;
  query?: string;
  /** Infos speak to whoever wrote the query; pages with queries of their own leave them out. */
  infos?: boolean;
  /** Shown for an answer without content. */
  empty?: (data: T) => ComponentChildren | undefined;
  children: (data: T) => ComponentChildren;
}) {
  const { answer, error, loading, since } = asked;
  const nothing = answer && empty?.(answer.data);
  const old = useOld(asked);
  return (
    <div class="show" aria-busy={loading}>
      {loading && <Loading since={since} cancel={cancel} />}
      {error && !(error.kind === "offline" && answer) && <Failed error={error} {...(query === undefined ? {} : { query })} />}
      {answer && (
        <div class={error || old ? "dim" : undefined}>
          <RemarksList remarks={infos ? answer : { warnings: answer.warnings, infos: [] }} />
          {nothing ?? children(answer.data)}
        </div>
      )}
    </div>
  );
}
