// A question to the server as a signal: loading, answer, error; asked anew when what it depends on changes, given up
// when nobody looks any more.

import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { starts } from "../state/replay";
import { type Answer, ApiError } from "./client";

export interface Asked<T> {
  /** The last good answer; it stays while the next one is on its way. */
  answer: Answer<T> | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** When the question on its way was asked, ms. */
  since: number;
}

const NOTHING: Asked<never> = { answer: undefined, error: undefined, loading: true, since: 0 };

/** Asks whenever `keys` change. `ask` gets a signal that ends the request. */
export function useAsk<T>(
  ask: ((signal: AbortSignal) => Promise<Answer<T>>) | undefined,
  keys: readonly unknown[],
): { state: ReadonlySignal<Asked<T>>; cancel: () => void } {
  const held = useMemo(() => ({ state: signal<Asked<T>>(NOTHING), control: undefined as AbortController | undefined }), []);
  useEffect(() => {
    if (ask === undefined) {
      held.state.value = { answer: undefined, error: undefined, loading: false, since: 0 };
      return;
    }
    const control = new AbortController();
    held.control = control;
    held.state.value = { ...held.state.peek(), loading: true, since: Date.now() };
    ask(control.signal).then(
      (answer) => {
        if (!control.signal.aborted) held.state.value = { answer, error: undefined, loading: false, since: 0 };
      },
      (error: unknown) => {
        if (control.signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError(String(error), "internal", 0);
        // Without a server the last picture stays, dimmed and dated.
        const answer = known.away ? held.state.peek().answer : undefined;
        held.state.value = { answer, error: known, loading: false, since: 0 };
      },
    );
    return () => control.abort();
    // What a starting server refused it is asked again once it has started.
  }, [...keys, starts.value]);
  return {
    state: held.state,
    cancel: () => {
      held.control?.abort();
      held.state.value = {
        ...held.state.peek(),
        loading: false,
        error: new ApiError("Given up; the server stops too.", "canceled", 0),
      };
    },
  };
}
