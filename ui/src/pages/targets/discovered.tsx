// What discovery tells of a target, and what relabelling made of each label.

import type { LabelSet } from "../../api/types";

/** The labels of a target that is scraped that come from this one: of its name, or new with its value. */
function madeOf(name: string, value: string, discovered: LabelSet, final: LabelSet): string {
  const own = Object.entries(final).filter(([label, is]) => label === name || (is === value && !(label in discovered)));
  return own.map(([label]) => label).join(", ");
}

/** `final` are the labels after relabelling; without them the target was dropped. */
export function Discovered({ discovered, final }: { discovered: LabelSet; final?: LabelSet }) {
  const values = new Set(Object.values(discovered));
  const added = Object.entries(final ?? {}).filter(([name, value]) => discovered[name] !== value && !values.has(value));
  return (
    <table aria-label={final ? "Labels" : "Discovered labels"}>
      <thead>
        <tr>
          <th scope="col">Discovered</th>
          <th scope="col">Value</th>
          {final && <th scope="col">Target label</th>}
        </tr>
      </thead>
      <tbody>
        {Object.entries(discovered).map(([name, value]) => (
          <tr key={name}>
            <td>
              <code>{name}</code>
            </td>
            <td class="wrap">{value}</td>
            {final && <td class="ok">{madeOf(name, value, discovered, final)}</td>}
          </tr>
        ))}
        {added.map(([name, value]) => (
          <tr key={`final ${name}`}>
            <td class="t3">–</td>
            <td class="wrap">{value}</td>
            <td class="ok">{name}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
