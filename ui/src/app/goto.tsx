// Go to anything, by some of its letters.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useAsk } from "../api/ask";
import { go } from "../state/url";
import { rank } from "./fuzzy";
import { type Goal, goals, pages } from "./goals";

const SHOWN = 12;

export function GoTo({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const more = useAsk<Goal[]>(goals, []).state.value.answer?.data;
  // Before the next key: an effect would come after the next picture, and what is typed until then would be lost.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const all = useMemo(() => [...pages(), ...(more ?? [])], [more]);
  const found = useMemo(() => rank(all, text, (goal) => goal.name).slice(0, SHOWN), [all, text]);
  const leave = (goal: Goal | undefined) => {
    if (goal === undefined) return;
    close();
    go(goal.href);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setChosen(Math.min(chosen + 1, found.length - 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(0, chosen - 1));
    else if (event.key === "Enter") leave(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={dialog} class="goto-dialog" onClose={close} onClick={(event) => event.target === dialog.current && close()} aria-label="Go to">
      <input
        class="input"
        autoFocus
        placeholder="Page, dashboard, metric, target, alert or query"
        value={text}
        role="combobox"
        aria-expanded="true"
        aria-controls="goals"
        aria-activedescendant={found[chosen] ? `goal-${chosen}` : undefined}
        onInput={(event) => (setText(event.currentTarget.value), setChosen(0))}
        onKeyDown={onKey}
      />
      <ul id="goals" role="listbox" aria-label="Goals">
        {found.map((goal, i) => (
          <li key={`${goal.kind} ${goal.name}`} id={`goal-${i}`} role="option" aria-selected={i === chosen} onClick={() => leave(goal)}>
            <span>{goal.name}</span>
            <span class="t3">{goal.kind}</span>
          </li>
        ))}
        {found.length === 0 && <li class="t3">Nothing has these letters.</li>}
      </ul>
    </dialog>
  );
}
