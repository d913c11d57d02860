// While the server starts: how far it is with its log.

import { useEffect } from "preact/hooks";
import { count, format } from "../format/numbers";
import { progress, watchStart } from "../state/replay";

export function Starting() {
  useEffect(watchStart, []);
  const known = progress.value;
  return (
    <div class="state" role="status">
      <div class="strong">The server is starting</div>
      <div class="t2">It reads its write-ahead log; what was stored is there in a moment. This page looks again by itself.</div>
      {known && (
        <div class="replay">
          <progress value={known.part} max={1} aria-label="Log read" />
          <span>
            {known.part >= 1 ? "The log is read, the rest follows" : `${format(known.read, "bytes")} of ${format(known.all, "bytes")}, segment ${count(known.segment)} of ${count(known.segments)}`}
          </span>
        </div>
      )}
    </div>
  );
}
