// Targets that relabelling dropped.

import { useMemo } from "preact/hooks";
import type { TargetsData } from "../../api/types";
import { Empty } from "../../parts/states";
import { Table } from "../../parts/table";
import { Discovered } from "./discovered";
import { RelabelSteps } from "./relabel-steps";

export function Dropped({ data, job, filter }: { data: TargetsData; job: string | null; filter: string }) {
  const rows = useMemo(() => {
    const text = filter.trim().toLowerCase();
    return data.droppedTargets
      .filter((target) => job === null || target.scrapePool === job)
      .filter((target) => text === "" || Object.entries(target.discoveredLabels).some(([name, value]) => `${name}="${value}"`.toLowerCase().includes(text)))
      .map((target, i) => ({ ...target, id: String(i) }));
  }, [data, job, filter]);
  return (
    <section class="panel" aria-label="Dropped targets">
      <header>
        <h2>Dropped</h2>
        <span class="u">relabelling took them away</span>
      </header>
      {rows.length === 0 ? (
        <Empty title="No target is dropped" />
      ) : (
        <Table
          rows={rows}
          keyOf={(row) => row.id}
          label="Dropped targets"
          columns={[
            { id: "address", head: "Address", by: (row) => row.discoveredLabels["__address__"] ?? "", cell: (row) => <span class="med">{row.discoveredLabels["__address__"]}</span> },
            { id: "job", head: "Job", by: (row) => row.scrapePool, cell: (row) => row.scrapePool },
            { id: "labels", head: "Labels", cell: (row) => <span class="t2 small">{Object.keys(row.discoveredLabels).length} discovered labels</span> },
          ]}
          detail={(row) => (
            <div class="target-detail">
              <div>
                <div class="strong">Relabelling, rule by rule</div>
                <RelabelSteps pool={row.scrapePool} discovered={row.discoveredLabels} />
              </div>
              <Discovered discovered={row.discoveredLabels} />
            </div>
          )}
        />
      )}
    </section>
  );
}
