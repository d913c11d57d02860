// A table of names, what they are, and a remark.

import type { ComponentChildren } from "preact";

export function Pairs({ label, pairs }: { label: string; pairs: readonly (readonly [string, ComponentChildren, string?])[] }) {
  return (
    <table aria-label={label} class="pairs">
      <tbody>
        {pairs.map(([name, value, remark]) => (
          <tr key={name}>
            <td class="t2">{name}</td>
            <td class="wrap">
              {value}
              {remark !== undefined && <span class="t3"> {remark}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
