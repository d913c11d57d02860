// While the server stops: it takes no questions any more.

import { useEffect } from "preact/hooks";
import { watchStart } from "../state/replay";

export function Stopping() {
  // Whoever stops a server often starts it again.
  useEffect(watchStart, []);
  return (
    <div class="state" role="status">
      <div class="strong">The server is stopping</div>
      <div class="t2">It finishes what is under way and takes no more questions. This page looks again by itself once the server is back.</div>
    </div>
  );
}
