// Blocks on a line of time, one row for each level.

import type { Block } from "../../api/types";
import { fullTime } from "../../format/time";
import { now } from "../../state/range";
import { utc } from "../../state/settings";

const ROW = 18;

export function BlockLine({ blocks }: { blocks: readonly Block[] }) {
  const first = Math.min(...blocks.map((block) => block.minTime));
  const last = Math.max(now.value * 1000, ...blocks.map((block) => block.maxTime));
  const levels = [...new Set(blocks.map((block) => block.compaction.level))].sort((a, b) => a - b);
  const length = Math.max(1, last - first);
  return (
    <div class="block-line">
      <svg width="100%" height={levels.length * ROW} role="img" aria-label={`${blocks.length} blocks since ${fullTime(first / 1000, { utc: utc.value })}`}>
        {blocks.map((block) => (
          <rect
            key={block.ulid}
            x={`${(100 * (block.minTime - first)) / length}%`}
            width={`${Math.max(0.15, (100 * (block.maxTime - block.minTime)) / length)}%`}
            y={levels.indexOf(block.compaction.level) * ROW + 2}
            height={ROW - 4}
            rx="2"
          />
        ))}
      </svg>
      <div class="ends">
        <span>{fullTime(first / 1000, { utc: utc.value })}</span>
        <span>now</span>
      </div>
    </div>
  );
}
