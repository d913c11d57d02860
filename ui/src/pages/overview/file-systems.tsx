// The file systems of a host alone: how full, and when they will be.

import { useMemo } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { instants } from "../../api/batch";
import type { LabelSet } from "../../api/types";
import { duration, format } from "../../format/numbers";
import { type Column, Table } from "../../parts/table";
import { go, link } from "../../state/url";
import { type Scope, scoped, scopedAll } from "./scope";

const REAL = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|devtmpfs"';
const QUERIES = {
  size: `node_filesystem_size_bytes{${REAL}}`,
  free: `node_filesystem_avail_bytes{${REAL}}`,
  inodes: `1 - node_filesystem_files_free{${REAL}} / node_filesystem_files{${REAL}}`,
  // A trend of less than half an hour is noise.
  fills: `node_filesystem_avail_bytes{${REAL}} / -deriv(node_filesystem_avail_bytes{${REAL}}[6h]) > 0 and node_filesystem_avail_bytes{${REAL}} offset 30m`,
} as const;

/** Farther off it is none of today's cares, seconds. */
const FAR = 30 * 86_400;
const SOON = 86_400;
const LEVELS = [0.85, 0.95] as const;

interface FileSystem {
  mountpoint: string;
  device: string;
  type: string;
  size: number;
  free: number;
  inodes: number | undefined;
  fills: number | undefined;
}

export function FileSystems({ end, scope }: { end: number; scope: Scope }) {
  const data = useAsk((signal) => instants(scopedAll(QUERIES, scope), end, signal), [end, scope]).state.value.answer?.data;
  const rows = useMemo((): FileSystem[] => {
    const of = (id: keyof typeof QUERIES, labels: LabelSet) => data?.[id]?.find((one) => one.labels["mountpoint"] === labels["mountpoint"])?.value;
    return (data?.["size"] ?? []).map(({ labels, value }) => ({
      mountpoint: labels["mountpoint"] ?? "",
      device: labels["device"] ?? "",
      type: labels["fstype"] ?? "",
      size: value,
      free: of("free", labels) ?? 0,
      inodes: of("inodes", labels),
      fills: of("fills", labels),
    }));
  }, [data]);
  if (rows.length === 0) return null;
  const used = (one: FileSystem) => (one.size > 0 ? 1 - one.free / one.size : 0);
  const level = (value: number) => (value >= LEVELS[1] ? "crit" : value >= LEVELS[0] ? "warn" : "");
  const columns: Column<FileSystem>[] = [
    { id: "mountpoint", head: "File system", by: (one) => one.mountpoint, wrap: true, cell: (one) => <span class="med">{one.mountpoint}</span> },
    { id: "device", head: "Device", by: (one) => one.device, cell: (one) => <span class="t2">{`${one.device} ${one.type}`}</span> },
    {
      id: "used",
      head: "Used",
      right: true,
      by: used,
      cell: (one) => (
        <>
          <span class={level(used(one)) && `${level(used(one))} strong`}>{format(used(one), "ratio")}</span>
          <span class="meter" aria-hidden="true">
            <i class={level(used(one))} style={{ width: `${100 * used(one)}%` }} />
          </span>
        </>
      ),
    },
    { id: "free", head: "Free", right: true, by: (one) => one.free, cell: (one) => format(one.free, "bytes") },
    { id: "size", head: "Size", right: true, by: (one) => one.size, cell: (one) => format(one.size, "bytes") },
    { id: "inodes", head: "Inodes used", right: true, by: (one) => one.inodes ?? 0, cell: (one) => (one.inodes === undefined || Number.isNaN(one.inodes) ? "–" : format(one.inodes, "ratio")) },
    {
      id: "fills",
      head: "Full in",
      right: true,
      by: (one) => one.fills ?? Infinity,
      cell: (one) => (one.fills === undefined || one.fills > FAR ? <span class="t3">–</span> : <span class={one.fills < SOON ? "warn strong" : ""}>{duration(one.fills)}</span>),
    },
  ];
  return (
    <section class="panel" aria-label="File systems">
      <header>
        <h2>File systems</h2>
        <span class="u">fullest first</span>
      </header>
      <Table
        rows={rows}
        columns={columns}
        keyOf={(one) => one.mountpoint}
        label="File systems"
        sort={{ id: "used", down: true }}
        onRow={(one) => go(link("query", { "g0.expr": scoped(`node_filesystem_avail_bytes{mountpoint=${JSON.stringify(one.mountpoint)}}`, scope), "g0.tab": "graph" }))}
      />
    </section>
  );
}
