// How many series came in a day; a tenth more is worth a look.

import type { CardinalityRow } from "../../api/types";
import { count } from "../../format/numbers";

export function signed(delta: number): string {
  return delta > 0 ? `+${count(delta)}` : count(delta);
}

export function Growth({ row }: { row: CardinalityRow }) {
  if (row.delta === null) return <span class="t3">–</span>;
  return <span class={row.delta > Math.max(100, row.series * 0.1) ? "warn strong" : "t2"}>{signed(row.delta)}</span>;
}
