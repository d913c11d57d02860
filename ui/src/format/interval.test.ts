import { expect, it } from "vitest";
import { intervalIn } from "./interval";

it("takes the interval of the global section only", () => {
  expect(intervalIn("global:\n  scrape_timeout: 10s\n  scrape_interval: 30s\nscrape_configs:\n- scrape_interval: 5s\n")).toBe(30);
  expect(intervalIn('global:\n  scrape_interval: "1m30s"\n')).toBe(90);
  expect(intervalIn("scrape_configs:\n- scrape_interval: 5s\n")).toBeUndefined();
  expect(intervalIn("global:\n  scrape_interval: soon\n")).toBeUndefined();
});
