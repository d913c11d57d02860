import { describe, expect, it } from "vitest";
import { unitOfMetric, unitOfQuery } from "./units";

describe("unitOfMetric", () => {
  it.each([
    ["node_memory_MemAvailable_bytes", "bytes"],
    ["node_network_receive_bytes_total", "bytes"],
    ["node_cpu_seconds_total", "seconds"],
    ["process_start_time_seconds", "time"],
    ["instance:node_cpu_utilisation:ratio", "number"],
    ["instance:node_memory_utilisation_ratio", "ratio"],
    ["node_load1", "number"],
  ])("reads %s as %s", (name, unit) => {
    expect(unitOfMetric(name)).toBe(unit);
  });
});

describe("unitOfQuery", () => {
  it.each([
    ["node_memory_MemFree_bytes", "bytes"],
    ["sum by (instance) (rate(node_network_receive_bytes_total[5m]))", "bytes/s"],
    ["rate(node_cpu_seconds_total[5m])", "ratio"],
    ["1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "ratio"],
    ["count(node_memory_MemTotal_bytes)", "count"],
    ["histogram_quantile(0.9, sum by (le) (rate(x_duration_seconds_bucket[5m])))", "number"],
    ["node_load1", "number"],
    ["node_memory_MemTotal_bytes / node_load1", "number"],
    ['up{x="a_bytes"}', "number"],
  ])("reads %s as %s", (query, unit) => {
    expect(unitOfQuery(query)).toBe(unit);
  });
});
