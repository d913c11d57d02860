// Hints below the editor, each with a button that does what it says.

import { useEffect, useMemo, useState } from "preact/hooks";
import { apply, hints } from "./hints";
import { useKnown } from "./known";

/** More at once would be a lecture. */
const SHOWN = 3;
/** Whoever writes is left in peace for as long, ms. */
const PAUSE = 400;

export function HintList({ query, onFix }: { query: string; onFix: (text: string) => void }) {
  const settled = useSettled(query);
  const known = useKnown(settled);
  const found = useMemo(() => hints(settled, known), [settled, known]);
  // What is being written is not what was looked at.
  if (found.length === 0 || settled !== query) return null;
  return (
    <ul class="hints" aria-label="Hints">
      {found.slice(0, SHOWN).map((hint) => (
        <li key={`${hint.rule} ${hint.from}`}>
          <span class="sign" aria-hidden="true">
            ■
          </span>
          <span>{hint.text}</span>
          {hint.fix && (
            <button type="button" class="btn small" onClick={() => hint.fix && onFix(apply(query, hint.fix))}>
              {hint.fix.label}
            </button>
          )}
        </li>
      ))}
      {found.length > SHOWN && <li class="t3">{found.length - SHOWN} more</li>}
    </ul>
  );
}

/** The text once nobody has changed it for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
