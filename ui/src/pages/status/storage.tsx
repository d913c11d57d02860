// What is stored, in which blocks, and what was found damaged.

import { useAsk } from "../../api/ask";
import { get } from "../../api/client";
import type { DamageData } from "../../api/types";
import { count, duration, format } from "../../format/numbers";
import { ago, fullTime } from "../../format/time";
import { Empty, Show } from "../../parts/states";
import { Table } from "../../parts/table";
import { look, now } from "../../state/range";
import { utc } from "../../state/settings";
import { BlockLine } from "./block-line";
import { Pairs } from "./pairs";

export function Storage() {
  const head = useAsk((signal) => get("status/tsdb", { limit: 1 }, signal), [look.value]);
  const blocks = useAsk((signal) => get("status/tsdb/blocks", {}, signal), [look.value]);
  const damage = useAsk<DamageData>((signal) => get("narthex/storage/damage", {}, signal), [look.value]);
  return (
    <>
      <section class="panel" aria-label="Head">
        <header>
          <h2>Head</h2>
          <span class="u">what is in no block yet</span>
        </header>
        <Show asked={head.state.value} cancel={head.cancel}>
          {({ headStats: head }) => (
            <Pairs
              label="Head"
              pairs={[
                ["Series", count(head.numSeries)],
                ["Label pairs", count(head.numLabelPairs)],
                ["Chunks", count(head.chunkCount)],
                ["Holds", duration(Math.max(0, (head.maxTime - head.minTime) / 1000)), head.maxTime > head.minTime ? `since ${fullTime(head.minTime / 1000, { utc: utc.value })}` : ""],
                ["Newest sample", ago(head.maxTime / 1000, now.value)],
              ]}
            />
          )}
        </Show>
      </section>
      <section class="panel" aria-label="Blocks">
        <header>
          <h2>Blocks</h2>
          <span class="u">on a line of time, by how often they were merged</span>
        </header>
        <Show
          asked={blocks.state.value}
          cancel={blocks.cancel}
          empty={(data) => (data.blocks.length === 0 ? <Empty title="No blocks yet: the first is cut when the head holds three hours" /> : undefined)}
        >
          {(data) => (
            <>
              <BlockLine blocks={data.blocks} />
              <Table
                rows={data.blocks}
                keyOf={(block) => block.ulid}
                label="Blocks"
                sort={{ id: "from", down: true }}
                columns={[
                  { id: "ulid", head: "Block", by: (block) => block.ulid, cell: (block) => <code>{block.ulid}</code> },
                  { id: "from", head: "From", by: (block) => block.minTime, cell: (block) => fullTime(block.minTime / 1000, { utc: utc.value }) },
                  { id: "length", head: "Length", right: true, by: (block) => block.maxTime - block.minTime, cell: (block) => duration((block.maxTime - block.minTime) / 1000) },
                  { id: "level", head: "Level", right: true, by: (block) => block.compaction.level, cell: (block) => block.compaction.level },
                  { id: "series", head: "Series", right: true, by: (block) => block.stats.numSeries ?? 0, cell: (block) => count(block.stats.numSeries ?? 0) },
                  { id: "samples", head: "Samples", right: true, by: (block) => block.stats.numSamples ?? 0, cell: (block) => count(block.stats.numSamples ?? 0) },
                ]}
              />
            </>
          )}
        </Show>
      </section>
      <section class="panel" aria-label="Damage">
        <header>
          <h2>Damage</h2>
          <span class="u">found on the disk since the start, and set aside</span>
        </header>
        <Show asked={damage.state.value} cancel={damage.cancel} empty={(data) => (data.files.length === 0 ? <Empty title="No damage was found" /> : undefined)}>
          {(data) => (
            <Table
              rows={data.files.map((file, i) => ({ ...file, id: `${i}` }))}
              keyOf={(row) => row.id}
              label="Damage"
              columns={[
                { id: "path", head: "File", by: (row) => row.path, wrap: true, cell: (row) => <code>{row.path}</code> },
                { id: "kind", head: "Kind", by: (row) => row.kind, cell: (row) => row.kind },
                { id: "bytes", head: "Bytes", right: true, by: (row) => row.bytes ?? 0, cell: (row) => (row.bytes === null ? "" : format(row.bytes, "bytes")) },
                { id: "action", head: "What was done", cell: (row) => row.action },
                { id: "detail", head: "Detail", wrap: true, cell: (row) => <span class="t2">{row.detail}</span> },
              ]}
            />
          )}
        </Show>
      </section>
    </>
  );
}
