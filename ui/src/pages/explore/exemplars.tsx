// Exemplars below their graph: the one that was clicked with all its labels, and all of them as a table.

import { useMemo } from "preact/hooks";
import type { LabelSet } from "../../api/types";
import { metricText } from "../../charts/series";
import { type Unit, count, exact, format } from "../../format/numbers";
import { fullTime } from "../../format/time";
import { type Column, Table } from "../../parts/table";
import { utc } from "../../state/settings";
import type { Exemplar } from "./exemplar-list";

interface Props {
  shown: readonly Exemplar[];
  all: number;
  chosen: string | undefined;
  onChoose: (id: string | undefined) => void;
  unit: Unit;
}

export function Exemplars({ shown, all, chosen, onChoose, unit }: Props) {
  const clock = { utc: utc.value };
  const columns = useMemo(
    (): Column<Exemplar>[] => [
      { id: "time", head: "time", by: (row) => row.time, cell: (row) => fullTime(row.time, clock) },
      { id: "value", head: "value", right: true, by: (row) => row.value, cell: (row) => <span title={exact(row.value)}>{format(row.value, unit)}</span> },
      { id: "labels", head: "exemplar", by: (row) => text(row.labels), cell: (row) => <code>{text(row.labels)}</code> },
      { id: "series", head: "series", by: (row) => metricText(row.series), wrap: true, cell: (row) => <code class="t2">{metricText(row.series)}</code> },
    ],
    [unit, clock.utc],
  );
  const one = shown.find(({ id }) => id === chosen);
  return (
    <details class="exemplars" open={one !== undefined}>
      <summary>
        {all > shown.length ? `${count(shown.length)} of ${count(all)}` : count(all)} exemplars
        <span class="t3"> ◇ in the graph: click one</span>
      </summary>
      {one && <Detail exemplar={one} unit={unit} onClose={() => onChoose(undefined)} />}
      <Table rows={shown} columns={columns} keyOf={(row) => row.id} label="Exemplars" onRow={(row) => onChoose(row.id)} selected={(row) => row.id === chosen} />
    </details>
  );
}

function text(labels: LabelSet): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function Detail({ exemplar, unit, onClose }: { exemplar: Exemplar; unit: Unit; onClose: () => void }) {
  const rows = [...Object.entries(exemplar.labels).map((pair) => [...pair, "exemplar"]), ...Object.entries(exemplar.series).map((pair) => [...pair, "series"])];
  return (
    <div class="exemplar" role="region" aria-label="Chosen exemplar">
      <div class="strong">
        {format(exemplar.value, unit)} at {fullTime(exemplar.time, { utc: utc.value })}
        <button type="button" class="btn small ghost" aria-label="Close the exemplar" onClick={onClose}>
          ✕
        </button>
      </div>
      <dl>
        {rows.map(([name, value, of]) => (
          <div key={`${of} ${name}`}>
            <dt class="t3">{name}</dt>
            <dd class={of === "exemplar" ? "med" : "t2"}>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
