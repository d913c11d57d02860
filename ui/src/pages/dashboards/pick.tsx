// Choices in the page bar: which dashboard, and its variables.

import { Several } from "../../parts/several";
import { writeList } from "../../state/list";
import { go, link, setParams } from "../../state/url";
import type { Entry } from "./builtin";
import type { Resolved } from "./variables";
import { ALL } from "./substitute";

export function PickBoard({ entries, id }: { entries: readonly Entry[]; id: string | undefined }) {
  const groups = [...new Set(entries.map((entry) => entry.group))];
  return (
    <select class="dash-pick" data-filter value={id ?? ""} aria-label="Dashboard" onChange={(event) => go(link("dashboards", event.currentTarget.value === "" ? {} : { d: event.currentTarget.value }))}>
      <option value="">All dashboards</option>
      {groups.map((group) => (
        <optgroup key={group} label={group}>
          {entries
            .filter((entry) => entry.group === group)
            .map((entry) => (
              <option key={entry.id} value={entry.id}>
                {entry.title}
              </option>
            ))}
        </optgroup>
      ))}
    </select>
  );
}

export function Variables({ resolved }: { resolved: readonly Resolved[] }) {
  return (
    <>
      {resolved.map((one) => (
        <Choice key={one.variable.name} {...one} />
      ))}
    </>
  );
}

function set(name: string, values: readonly string[]): void {
  setParams({ [`var-${name}`]: writeList(values) }, true);
}

function Choice({ variable, options, chosen }: Resolved) {
  const { name, label = name } = variable;
  if (variable.hidden) return null;
  if (variable.free) {
    return (
      <label class="btn">
        <span class="k">{label}</span>
        <input class="bare" size={12} value={chosen[0] ?? ""} onChange={(event) => set(name, [event.currentTarget.value])} />
      </label>
    );
  }
  if (options.length === 0 && name !== "cluster" && variable.values !== undefined) {
    return (
      <span class="chip warn" title={`Its choices are ${variable.values}, and there are none in this window.`}>
        {label}: nothing to choose
      </span>
    );
  }
  // A cluster without a name.
  if (options.length === 0 || (options.length === 1 && !variable.multi)) return options[0] ? <span class="chip">{`${label} ${options[0]}`}</span> : null;
  if (variable.multi) return <Many variable={variable} options={options} chosen={chosen} />;
  return (
    <label class="btn">
      <span class="k">{label}</span>
      <select class="bare" value={chosen[0]} onChange={(event) => set(name, [event.currentTarget.value])}>
        {variable.all && <option value={ALL}>All</option>}
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

function Many({ variable, options, chosen }: Resolved) {
  const { name, label = name } = variable;
  const all = chosen.includes(ALL);
  return (
    <Several
      label={label}
      options={options}
      chosen={all ? [] : chosen}
      all={variable.all === true}
      text={all ? "All" : chosen.length === 1 ? (chosen[0] ?? "") : `${chosen.length} of ${options.length}`}
      onChange={(next) => set(name, next.length > 0 ? next : variable.all ? [ALL] : options.slice(0, 1))}
    />
  );
}
