// A choice of several, in the page bar.

import { useRef, useState } from "preact/hooks";

/** From so many choices on they can be filtered, and more than so many are not listed at once. */
const FILTER = 12;
const LISTED = 300;

export function Several({
  label,
  options,
  chosen,
  all,
  text,
  name = (option) => option,
  onChange,
}: {
  label: string;
  options: readonly string[];
  /** Empty where all of them are. */
  chosen: readonly string[];
  /** All of them can be chosen. */
  all: boolean;
  /** What is said of the choice. */
  text: string;
  name?: (option: string) => string;
  onChange: (chosen: string[]) => void;
}) {
  const [filter, setFilter] = useState("");
  const element = useRef<HTMLDetailsElement>(null);
  const wanted = filter.toLowerCase();
  const fitting = options.filter((option) => name(option).toLowerCase().includes(wanted));
  const toggle = (option: string) => {
    const without = chosen.filter((one) => one !== option);
    onChange(chosen.includes(option) ? without : [...without, option]);
  };
  return (
    <details
      ref={element}
      class="several"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || element.current === null) return;
        element.current.open = false;
        element.current.querySelector("summary")?.focus();
      }}
    >
      <summary class="btn">
        <span class="k">{label}</span>
        {text} ▾
      </summary>
      <fieldset class="popover" aria-label={label}>
        {options.length > FILTER && <input class="input" placeholder="filter" aria-label={`Filter ${label}`} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />}
        {all && (
          <label>
            <input type="checkbox" checked={chosen.length === 0} onChange={() => onChange([])} />
            All
          </label>
        )}
        {fitting.slice(0, LISTED).map((option) => (
          <label key={option}>
            <input type="checkbox" checked={chosen.includes(option)} onChange={() => toggle(option)} />
            {name(option)}
          </label>
        ))}
        {fitting.length > LISTED && <span class="t3 small">{fitting.length - LISTED} more: filter them</span>}
        {fitting.length === 0 && <span class="t3 small">none is like that</span>}
      </fieldset>
    </details>
  );
}
