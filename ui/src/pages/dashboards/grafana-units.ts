// Grafana's units as ours.

import type { Unit } from "../../format/numbers";

const UNITS: Record<string, Unit> = {
  "": "number", none: "number", short: "number", string: "number", bool: "number", sci: "number", locale: "number",
  percent: "percent", percentunit: "ratio",
  bytes: "bytes", decbytes: "bytes",
  Bps: "bytes/s", binBps: "bytes/s", bps: "bits/s", binbps: "bits/s",
  s: "seconds", dtdurations: "seconds", clocks: "seconds",
  pps: "per second", iops: "per second", ops: "per second", opsps: "per second", reqps: "per second", rps: "per second", wps: "per second", rds: "per second", cps: "per second", eps: "per second", mps: "per second", recps: "per second", rowsps: "per second", hertz: "per second",
};

/** The unit that shows the same number; `undefined` for one that we do not have. */
export function unitOf(format: string): Unit | undefined {
  return Object.hasOwn(UNITS, format) ? UNITS[format] : undefined;
}
