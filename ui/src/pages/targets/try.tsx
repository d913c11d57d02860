// A target asked now: what a scrape would see. And the line that asks it by hand.

import { useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { postJson } from "../../api/client";
import type { ActiveTarget, TryData } from "../../api/types";
import { count, duration, format } from "../../format/numbers";
import { parseDuration } from "../../format/time";
import { Mark } from "../../parts/icons";
import { Failed, Loading } from "../../parts/states";
import { curlLine } from "./curl";

/** The button stays what it is while it waits: one that is disabled would lose the focus. */
export function Try({ target }: { target: ActiveTarget }) {
  const [times, setTimes] = useState(0);
  const [copied, setCopied] = useState(false);
  const { scrapePool, discoveredLabels } = target;
  const asked = useAsk<TryData>(times === 0 ? undefined : (signal) => postJson("narthex/targets/try", { scrapePool, labels: discoveredLabels }, signal), [times]);
  const { answer, error, loading, since } = asked.state.value;
  const line = curlLine(target.scrapeUrl, parseDuration(target.scrapeTimeout));
  const copy = () => void navigator.clipboard.writeText(line).then(() => setCopied(true));
  // A server without it answers so; then there is only the line.
  const served = error?.kind !== "not_found" || error.status !== 404 || error.message.startsWith("job ");
  return (
    <section class="try" aria-label="Try it" aria-busy={loading}>
      <div class="acts">
        {served && (
          <button type="button" class="btn small" aria-disabled={loading} onClick={() => !loading && setTimes(times + 1)}>
            Try now
          </button>
        )}
        <button type="button" class="btn small" onClick={copy}>
          {copied ? "Copied" : "Copy as curl"}
        </button>
      </div>
      <code class="line">{line}</code>
      {loading && <Loading since={since} cancel={asked.cancel} />}
      {error && served && (
        <Failed error={error}>
          {error.message === "admin APIs disabled" && (
            <div class="t2">
              Trying a target needs a server with <code>--web.enable-admin-api</code>. The line above asks it from a shell.
            </div>
          )}
        </Failed>
      )}
      {answer && !error && <Told told={answer.data} />}
    </section>
  );
}

function Told({ told }: { told: TryData }) {
  const good = told.error === null;
  return (
    <div role="status" class="told">
      <div>
        <Mark kind={good ? "up" : "down"} label={good ? "good" : "failed"} /> <b>{told.status === null ? "No answer" : `Status ${told.status}`}</b> after {duration(told.seconds)}
        {told.bytes > 0 && `, ${format(told.bytes, "bytes")}, ${count(told.samples)} samples`}
      </div>
      {told.error !== null && <pre>{told.error}</pre>}
      {told.head !== "" && (
        <pre class="head" tabIndex={0} aria-label="How the page begins">
          {told.head}
        </pre>
      )}
    </div>
  );
}
