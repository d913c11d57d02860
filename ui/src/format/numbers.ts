// Numbers as people read them: three significant digits, a unit of the right size.

/** What a value is measured in. */
export type Unit = "bytes" | "bytes/s" | "bits/s" | "percent" | "seconds" | "ratio" | "count" | "per second" | "time" | "number";

const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const SI_RATE = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"];
const SI_BITS = ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s", "Pb/s"];
const SI = ["", " k", " M", " G", " T", " P", " E"];

/** Thin spaces would be finer, but figures of one table have to line up: a narrow no-break space does. */
export const THIN = "\u202f";

/** Three digits, or as many as tell values apart that lie a step from each other. */
function digits(value: number, step = 0): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (step > 0) return trim(value.toFixed(decimals(step)));
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return trim(value.toFixed(1));
  if (size >= 1) return trim(value.toFixed(2));
  return trim(value.toPrecision(2));
}

/** Decimals that a multiple of the step has. */
function decimals(step: number): number {
  const most = 12;
  for (let places = 0; places < most; places += 1) {
    const shifted = step * 10 ** places;
    if (shifted > 0.99 && Math.abs(shifted - Math.round(shifted)) < 1e-6) return places;
  }
  return most;
}

function trim(text: string): string {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function scaled(value: number, base: number, units: readonly string[], step: number): string {
  let size = 0;
  let left = value;
  while (Math.abs(left) >= base && size < units.length - 1) {
    left /= base;
    size += 1;
  }
  // Rounding may reach the next unit: 1023.7 KiB is 1 MiB.
  if (Number(digits(left)) >= base && size < units.length - 1) {
    left /= base;
    size += 1;
  }
  const unit = units[size] ?? "";
  const text = size === 0 && Number.isInteger(value) ? String(value) : digits(left, step / base ** size);
  return unit.startsWith(" ") || unit === "" ? text + unit : `${text} ${unit}`;
}

/** Seconds in the largest two units that say something: `3 d 4 h`, `12.4 s`, `310 ms`. */
export function duration(seconds: number, step = 0): string {
  if (!Number.isFinite(seconds)) return special(seconds);
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? "-" : "";
  if (size === 0) return "0 s";
  if (size < 1e-6) return `${sign}${digits(size * 1e9, step * 1e9)} ns`;
  if (size < 1e-3) return `${sign}${digits(size * 1e6, step * 1e6)} µs`;
  if (size < 1) return `${sign}${digits(size * 1e3, step * 1e3)} ms`;
  if (size < 60) return `${sign}${digits(size, step)} s`;
  const steps: [string, number][] = [["y", 31_536_000], ["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = steps.findIndex(([, length]) => size >= length);
  const [unit, length] = steps[first] ?? ["s", 1];
  const whole = Math.floor(size / length);
  const next = steps[first + 1];
  const rest = next ? Math.floor((size - whole * length) / next[1]) : 0;
  return `${sign}${whole} ${unit}${next && rest > 0 ? ` ${rest} ${next[0]}` : ""}`;
}

function special(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

/** A value with its unit; of an axis, exact enough for marks that lie `step` apart. */
export function format(value: number, unit: Unit, step = 0): string {
  if (!Number.isFinite(value)) return special(value);
  switch (unit) {
    case "bytes":
      return scaled(value, 1024, IEC, step);
    case "bytes/s":
      return scaled(value, 1000, SI_RATE, step);
    case "bits/s":
      return scaled(value, 1000, SI_BITS, step);
    case "seconds":
      return duration(value, step);
    case "percent":
    case "ratio": {
      const percent = unit === "ratio" ? value * 100 : value;
      const apart = unit === "ratio" ? step * 100 : step;
      const fraction = apart > 0 ? decimals(apart) : percent !== 0 && Math.abs(percent) < 9.95 ? 1 : 0;
      return `${trim(percent.toFixed(fraction))} %`;
    }
    case "per second":
      return `${scaled(value, 1000, SI, step)} /s`;
    case "time":
      return new Date(value * 1000).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
    case "count":
    case "number":
      return scaled(value, 1000, SI, step);
  }
}

/** A whole number in groups of three: `412 806`. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** A number as Prometheus prints it, for tables and copying: shortest digits that read back. */
export function exact(value: number): string {
  if (!Number.isFinite(value)) return special(value);
  return String(value);
}
