// Is the server itself sound?

import { TimeBar } from "../../parts/timebar";
import { place, setParams } from "../../state/url";
import { Config } from "./config";
import { Features } from "./features";
import { Flags } from "./flags";
import { Health } from "./health";
import "./status.css";
import { Storage } from "./storage";

const TABS = [
  ["health", "Health"],
  ["storage", "Storage"],
  ["config", "Configuration"],
  ["flags", "Flags"],
  ["features", "Features"],
] as const;

type Tab = (typeof TABS)[number][0];

/** Prometheus's paths lead to our part of that meaning. */
const BY_PATH: Record<string, Tab> = { config: "config", "config-and-flags": "config", flags: "flags", tsdb: "storage" };

export default function Status() {
  const { path, params } = place.value;
  const tab = TABS.find(([id]) => id === params.get("tab"))?.[0] ?? BY_PATH[path] ?? "health";
  return (
    <>
      <div class="bar">
        <h1>Status</h1>
        <span class="seg" role="group" aria-label="Part">
          {TABS.map(([id, title]) => (
            <button key={id} type="button" aria-pressed={id === tab} onClick={() => setParams({ tab: id })}>
              {title}
            </button>
          ))}
        </span>
        <span class="sp" />
        <TimeBar window={false} />
      </div>
      <div class="page-body">
        {tab === "health" && <Health />}
        {tab === "storage" && <Storage />}
        {tab === "config" && <Config />}
        {tab === "flags" && <Flags />}
        {tab === "features" && <Features />}
      </div>
    </>
  );
}
