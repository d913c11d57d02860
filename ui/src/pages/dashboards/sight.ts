// Questions of a panel: asked while it is in view, given up when it leaves, not asked again when it comes back unchanged.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Asked } from "../../api/ask";
import { type Answer, ApiError } from "../../api/client";
import { starts } from "../../state/replay";

/** How near to the window a panel has to be, so that it is there when somebody scrolls on. */
const MARGIN = "120px";

/** Whether an element is in view. */
export function useInView(element: RefObject<Element | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const observer = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)), { rootMargin: MARGIN });
    observer.observe(target);
    return () => observer.disconnect();
  }, []);
  return seen;
}

/** Asks when `key` is another than that of the answer, and the panel is in view. */
export function useWhileSeen<T>(seen: boolean, key: string, ask: (signal: AbortSignal) => Promise<Answer<T>>): { state: ReadonlySignal<Asked<T>>; cancel: () => void } {
  const held = useMemo(
    () => ({
      state: signal<Asked<T>>({ answer: undefined, error: undefined, loading: true, since: 0 }),
      answered: undefined as string | undefined,
      control: undefined as AbortController | undefined,
    }),
    [],
  );
  useEffect(() => {
    if (!seen || held.answered === key) return;
    const control = new AbortController();
    held.control = control;
    held.state.value = { ...held.state.peek(), loading: true, since: Date.now() };
    ask(control.signal).then(
      (answer) => {
        if (control.signal.aborted) return;
        held.answered = key;
        held.state.value = { answer, error: undefined, loading: false, since: 0 };
      },
      (error: unknown) => {
        if (control.signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError(String(error), "internal", 0);
        // What a server refused that starts or stops it is asked again once it is there.
        held.answered = known.kind === "starting" || known.kind === "stopping" ? undefined : key;
        const answer = known.away ? held.state.peek().answer : undefined;
        held.state.value = { answer, error: known, loading: false, since: 0 };
      },
    );
    return () => control.abort();
  }, [seen, key, starts.value]);
  const cancel = () => {
    held.control?.abort();
    held.answered = key;
    held.state.value = { ...held.state.peek(), loading: false, error: new ApiError("Given up; the server stops too.", "canceled", 0) };
  };
  return { state: held.state, cancel };
}
