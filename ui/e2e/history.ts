// An hour of three nodes, the same at every run: text that `narthex tsdb import openmetrics` makes blocks of.

/** The last moment of it, and what the browser's clock shows, ms. */
export const END_MS = Date.UTC(2026, 2, 12, 14, 0, 0);
/** Windows of an hour have rates from their first point on, seconds. */
const LENGTH = 4200;
const STEP = 15;
const GIB = 1 << 30;

type Labels = Record<string, string>;
/** The value after so many seconds. */
type Course = (seconds: number) => number;

interface Series {
  name: string;
  labels: Labels;
  course: Course;
  /** Only these seconds have samples. */
  during?: [number, number];
}

/** A gauge that swings about a mean. */
function swings(mean: number, by: number, period: number, phase = 0): Course {
  return (t) => mean + by * Math.sin((2 * Math.PI * t) / period + phase);
}

/** A counter whose rate swings about a mean. */
function grows(rate: number, by: number, period: number, phase = 0): Course {
  const turn = (2 * Math.PI) / period;
  return (t) => 1000 + rate * t + (by / turn) * (Math.cos(phase) - Math.cos(turn * t + phase));
}

const is = (value: number): Course => () => value;

/** What a node exporter tells; each node has a burden of its own. */
function node(place: number, instance: string): Series[] {
  const base: Labels = { instance, job: "node" };
  const one = (name: string, course: Course, labels: Labels = {}): Series => ({ name, labels: { ...base, ...labels }, course });
  const busy = [0.15, 0.35, 0.88][place] ?? 0.1;
  const phase = place * 2;
  const cpus = ["0", "1"].flatMap((cpu) => [
    one("node_cpu_seconds_total", grows(busy * 0.75, busy * 0.1, 900, phase), { cpu, mode: "user" }),
    one("node_cpu_seconds_total", grows(busy * 0.25, 0.01, 700, phase), { cpu, mode: "system" }),
    one("node_cpu_seconds_total", grows(1 - busy, busy * 0.1, 900, phase + Math.PI), { cpu, mode: "idle" }),
    one("node_cpu_seconds_total", grows(0.01 * place, 0, 900), { cpu, mode: "iowait" }),
    one("node_cpu_seconds_total", grows(0.001, 0, 900), { cpu, mode: "steal" }),
  ]);
  const disk = { device: "sda" };
  const root = { device: "/dev/sda1", fstype: "ext4", mountpoint: "/" };
  const data = { device: "/dev/sdb1", fstype: "xfs", mountpoint: "/data" };
  const net = { device: "eth0" };
  return [
    ...cpus,
    one("up", is(1)),
    one("node_load1", swings(busy * 2.2, 0.2, 800, phase)),
    one("node_time_seconds", (t) => END_MS / 1000 - LENGTH + t),
    one("node_uname_info", is(1), { nodename: instance.replace(/:.*/, ""), sysname: "Linux" }),
    one("node_memory_MemTotal_bytes", is(8 * GIB)),
    one("node_memory_MemAvailable_bytes", swings((1 - busy) * 8 * GIB, GIB / 5, 1500, phase)),
    one("node_memory_MemFree_bytes", is((1 - busy) * 4 * GIB)),
    one("node_memory_Buffers_bytes", is(GIB / 8)),
    one("node_memory_Cached_bytes", is((1 - busy) * 3 * GIB)),
    one("node_memory_Slab_bytes", is(GIB / 4)),
    one("node_vmstat_pgmajfault", grows(place === 2 ? 14 : 0.5, 0.4, 600, phase)),
    one("node_vmstat_oom_kill", is(0)),
    one("node_disk_io_time_seconds_total", grows(busy * 0.6, 0.05, 500, phase), disk),
    one("node_disk_io_time_weighted_seconds_total", grows(busy * 1.5, 0.2, 500, phase), disk),
    one("node_filesystem_size_bytes", is(40 * GIB), root),
    one("node_filesystem_avail_bytes", (t) => 40 * GIB * (1 - busy) - t * 1e5 * place, root),
    one("node_filesystem_readonly", is(0), root),
    one("node_filesystem_device_error", is(0), root),
    one("node_filesystem_size_bytes", is(200 * GIB), data),
    one("node_filesystem_avail_bytes", (t) => 30 * GIB - t * 2e5 * (place + 1), data),
    one("node_filesystem_readonly", is(0), data),
    one("node_network_receive_bytes_total", grows(4e5 * (place + 1), 1e5, 400, phase), net),
    one("node_network_transmit_bytes_total", grows(3e5 * (place + 1), 1e5, 450, phase), net),
    one("node_network_receive_drop_total", grows(place + 0.3, 0.2, 450, phase), net),
    one("node_network_transmit_drop_total", grows(0, 0, 450), net),
    one("node_network_receive_errs_total", grows(0, 0, 450), net),
    one("node_network_transmit_errs_total", grows(0, 0, 450), net),
    one("node_timex_offset_seconds", is(0.001)),
  ];
}

/** What the server told of itself, its targets and its alerts. */
function own(up: string, gone: string): Series[] {
  const self: Labels = { instance: "127.0.0.1:9090", job: "narthex" };
  const alert: Labels = { alertname: "TargetDown", instance: gone, job: "node", severity: "page", env: "test" };
  return [
    { name: "up", labels: { instance: gone, job: "node" }, course: (t) => (t < 2000 ? 1 : 0) },
    { name: "up", labels: self, course: is(1) },
    ...[up, gone].flatMap((instance, i): Series[] => [
      { name: "scrape_duration_seconds", labels: { instance, job: "node" }, course: swings(0.012 + i / 200, 0.003, 700) },
      { name: "scrape_samples_scraped", labels: { instance, job: "node" }, course: is(i === 0 ? 6 : 0) },
    ]),
    { name: "ALERTS", labels: { ...alert, alertstate: "pending" }, course: is(1), during: [2000, 2300] },
    { name: "ALERTS", labels: { ...alert, alertstate: "firing" }, course: is(1), during: [2300, LENGTH] },
    { name: "prometheus_tsdb_head_series", labels: self, course: (t) => 5000 + Math.floor(t / 60) },
    { name: "prometheus_tsdb_head_samples_appended_total", labels: self, course: grows(340, 0, 100) },
    { name: "prometheus_tsdb_storage_blocks_bytes", labels: self, course: is(3e6) },
    { name: "prometheus_tsdb_wal_storage_size_bytes", labels: self, course: is(2e6) },
    { name: "process_resident_memory_bytes", labels: self, course: is(6e7) },
    { name: "process_cpu_seconds_total", labels: self, course: grows(0.03, 0, 100) },
    { name: "process_open_fds", labels: self, course: is(31) },
  ];
}

/** The text; `up` is a target that answers, `gone` one that ceased to. */
export function history(up: string, gone: string): string {
  const nodes = ["node-1:9100", "node-2:9100", "node-3:9100"].flatMap((instance, place) => node(place, instance));
  // All of a metric stand together.
  const all = [...nodes, ...own(up, gone)].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const begin = END_MS / 1000 - LENGTH;
  const lines = all.flatMap(({ name, labels, course, during: [from, to] = [0, LENGTH] }) => {
    const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(",");
    const times = Array.from({ length: LENGTH / STEP + 1 }, (_, i) => i * STEP).filter((t) => t >= from && t <= to);
    return times.map((t) => `${name}{${text}} ${Number(course(t).toPrecision(12))} ${begin + t}`);
  });
  return `${lines.join("\n")}\n# EOF\n`;
}
