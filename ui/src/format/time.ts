// Times and ranges, as text that people write and read.

/** Units of a Prometheus duration, seconds. */
const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

/** `1h30m` in seconds; `undefined` for what is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(?:\.\d+)?(?:ms|[smhdwy]))+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)) {
    seconds += Number(amount) * (UNITS[unit ?? "s"] ?? 0);
  }
  return seconds;
}

/** Seconds as a Prometheus duration: `1h30m`. */
export function printDuration(seconds: number): string {
  if (seconds <= 0) return "0s";
  let left = Math.round(seconds * 1000);
  let text = "";
  for (const [unit, size] of [["y", 31_536_000_000], ["w", 604_800_000], ["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]] as const) {
    // Years and weeks only stand alone: 1y1w is harder to read than 372d.
    if ((unit === "y" || unit === "w") && left % size !== 0) continue;
    const whole = Math.floor(left / size);
    if (whole > 0) text += `${whole}${unit}`;
    left -= whole * size;
  }
  return text;
}

const pad = (n: number): string => String(n).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A clock: in UTC, or in the browser's zone. */
export interface Clock {
  utc: boolean;
}

function parts(seconds: number, clock: Clock): [number, number, number, number, number, number, number] {
  const date = new Date(seconds * 1000);
  return clock.utc
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCDay()]
    : [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds(), date.getDay()];
}

/** `14:08` */
export function hourMinute(seconds: number, clock: Clock): string {
  const [, , , hour, minute] = parts(seconds, clock);
  return `${pad(hour)}:${pad(minute)}`;
}

/** `14:08:30` */
export function clockTime(seconds: number, clock: Clock): string {
  const [, , , hour, minute, second] = parts(seconds, clock);
  return `${pad(hour)}:${pad(minute)}:${pad(second)}`;
}

/** `12 Mar` */
export function dayMonth(seconds: number, clock: Clock): string {
  const [, month, day] = parts(seconds, clock);
  return `${day} ${MONTHS[month] ?? ""}`;
}

/** `14:13:00 UTC Thu 12 Mar` */
export function fullTime(seconds: number, clock: Clock): string {
  const weekday = DAYS[parts(seconds, clock)[6]] ?? "";
  return `${clockTime(seconds, clock)} ${zone(seconds, clock)} ${weekday} ${dayMonth(seconds, clock)}`;
}

/** `UTC`, or the browser's distance from it: `UTC+2`. */
export function zone(seconds: number, clock: Clock): string {
  if (clock.utc) return "UTC";
  const minutes = -new Date(seconds * 1000).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${Math.floor(size / 60)}${size % 60 === 0 ? "" : `:${pad(size % 60)}`}`;
}

/** How long ago: `9 s ago`, `2 h ago`. */
export function ago(seconds: number, now: number): string {
  const distance = Math.max(0, now - seconds);
  if (distance < 60) return `${Math.round(distance)} s ago`;
  if (distance < 3600) return `${Math.floor(distance / 60)} min ago`;
  if (distance < 86_400) return `${Math.floor(distance / 3600)} h ago`;
  return `${Math.floor(distance / 86_400)} d ago`;
}

/** `2026-03-12 14:30:00`, as Prometheus's links have it, in UTC. */
export function linkTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

/** Reads a time: Unix seconds, `now`, `now-1h`, `2026-03-12 14:30[:00]`, RFC 3339. Without a zone it is UTC. */
export function parseTime(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  const relative = /^now(?:-(.+))?$/.exec(trimmed);
  if (relative) {
    if (relative[1] === undefined) return now;
    const distance = parseDuration(relative[1]);
    return distance === undefined ? undefined : now - distance;
  }
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  const plain = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?$/.exec(trimmed);
  const parsed = Date.parse(plain ? `${plain[1]}T${plain[2] ?? "00:00"}Z` : trimmed);
  return Number.isNaN(parsed) ? undefined : parsed / 1000;
}
