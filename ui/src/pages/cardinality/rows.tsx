// A row for each metric, label, pair, job or target; one of them is looked at beside.

import { useMemo } from "preact/hooks";
import type { CardinalityData, CardinalityRow } from "../../api/types";
import { count, format } from "../../format/numbers";
import { ago } from "../../format/time";
import { type Column, Table } from "../../parts/table";
import { now } from "../../state/range";
import { setParams } from "../../state/url";
import { BY, type By } from "./dimension";
import { Growth } from "./growth";

/** Series of a metric that nobody asked for are worth a remark from here on. */
const UNUSED = 100;

export function Rows({ data, by, focus }: { data: CardinalityData; by: By; focus: string | undefined }) {
  const columns = useMemo((): Column<CardinalityRow>[] => {
    const largest = Math.max(1, ...data.rows.map((row) => row.series));
    const has = (field: keyof CardinalityRow) => data.rows.some((row) => row[field] !== undefined && row[field] !== null);
    const columns: Column<CardinalityRow>[] = [
      { id: "name", head: BY.find(([id]) => id === by)?.[1].slice(0, -1), by: (row) => row.name, wrap: true, cell: (row) => <span class="med">{row.name}</span> },
      { id: "series", head: "Series", right: true, by: (row) => row.series, cell: (row) => count(row.series) },
      {
        id: "share",
        head: "Share",
        by: (row) => row.series,
        cell: (row) => (
          <span class="meter" title={`${format(data.total === 0 ? 0 : row.series / data.total, "ratio")} of all`}>
            <i style={{ width: `${(100 * row.series) / largest}%` }} />
          </span>
        ),
      },
    ];
    if (has("values")) columns.push({ id: "values", head: "Values", right: true, by: (row) => row.values ?? 0, cell: (row) => count(row.values ?? 0) });
    if (has("delta")) columns.push({ id: "delta", head: "In a day", right: true, by: (row) => row.delta ?? 0, cell: (row) => <Growth row={row} /> });
    if (has("bytes")) columns.push({ id: "bytes", head: "Memory", right: true, by: (row) => row.bytes ?? 0, cell: (row) => format(row.bytes ?? 0, "bytes") });
    if (has("top_job") && by !== "job" && by !== "target") columns.push({ id: "job", head: "Brought by", by: (row) => row.top_job ?? "", cell: (row) => <span class="t2">{row.top_job}</span> });
    if (has("top_label")) columns.push({ id: "label", head: "Driving label", by: (row) => row.top_label ?? "", cell: (row) => <span class="t2">{row.top_label}</span> });
    if (has("refused")) columns.push({ id: "refused", head: "Refused", right: true, by: (row) => row.refused ?? 0, cell: (row) => <span class={row.refused ? "warn strong" : "t2"}>{count(row.refused ?? 0)}</span> });
    if (by === "metric") {
      columns.push({
        id: "queried",
        head: "Last queried",
        right: true,
        by: (row) => row.last_queried ?? 0,
        cell: (row) => (row.last_queried ? <span class="t2">{ago(row.last_queried, now.value)}</span> : <span class={row.series >= UNUSED ? "warn" : "t2"}>never</span>),
      });
    }
    return columns;
  }, [data, by]);
  const rest = data.names - data.rows.length;
  return (
    <>
      <Table
        rows={data.rows}
        columns={columns}
        keyOf={(row) => row.name}
        label="Series"
        sort={{ id: "series", down: true }}
        selected={(row) => row.name === focus}
        onRow={(row) => setParams({ focus: row.name === focus ? null : row.name }, true)}
      />
      {(rest > 0 || !data.exact) && (
        <p class="foot-note">
          {rest > 0 && `${count(rest)} more with ${count(Math.max(0, data.total - data.rows.reduce((sum, row) => sum + row.series, 0)))} series at the least. `}
          {!data.exact && "Small ones are estimates."}
        </p>
      )}
    </>
  );
}
