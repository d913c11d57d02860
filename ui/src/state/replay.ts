// How far the server is with its log while it starts, asked once for all that wait, and a word when it is ready.

import { signal } from "@preact/signals";
import { get } from "../api/client";
import type { Replay } from "../api/types";
import { base } from "./url";

export interface Progress {
  /** From 0 to 1. */
  part: number;
  /** Bytes. */
  read: number;
  all: number;
  /** Which segment it is, from 1, and of how many. */
  segment: number;
  segments: number;
}

/** How often it is asked, ms. */
const EVERY = 1000;

/** How far it is; `undefined` as long as nobody knows how long the log is. */
export const progress = signal<Progress | undefined>(undefined);
/** Counts starts that came to their end: what was refused meanwhile is asked anew. */
export const starts = signal(0);

/** Reads an answer; the server reads each segment twice, and `current` begins anew then. */
export function progressOf({ min, max, current, bytesRead, bytesTotal }: Replay): Progress | undefined {
  if (bytesRead === undefined || bytesTotal === undefined || !(bytesTotal > 0)) return undefined;
  const segments = Math.max(1, max - min + 1);
  return {
    part: Math.min(1, Math.max(0, bytesRead / bytesTotal)),
    read: Math.min(bytesRead, bytesTotal),
    all: bytesTotal,
    segment: Math.min(segments, Math.max(1, current - min + 1)),
    segments,
  };
}

async function look(): Promise<void> {
  const [replay, ready] = await Promise.all([get("status/walreplay"), fetch(`${base}-/ready`)]);
  progress.value = progressOf(replay.data);
  if (!ready.ok || !waiting) return;
  waiting = false;
  starts.value += 1;
}

let watchers = 0;
/** Somebody was refused since the last start came to its end. */
let waiting = false;
let timer: ReturnType<typeof setTimeout> | undefined;

async function go(): Promise<void> {
  // A hidden page asks nothing; who does not answer is asked again.
  if (!document.hidden) await look().catch(() => undefined);
  if (watchers > 0) timer = setTimeout(() => void go(), EVERY);
}

/** Watches the start until the answer is called. */
export function watchStart(): () => void {
  watchers += 1;
  waiting = true;
  if (watchers === 1) void go();
  return () => {
    watchers -= 1;
    if (watchers === 0) clearTimeout(timer);
  };
}
