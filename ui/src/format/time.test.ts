import { describe, expect, it } from "vitest";
import { ago, dayMonth, fullTime, hourMinute, linkTime, parseDuration, parseTime, printDuration } from "./time";

const utc = { utc: true };

describe("durations", () => {
  it.each([
    ["2h", 7200],
    ["1h30m", 5400],
    ["15s", 15],
    ["1d", 86_400],
    ["500ms", 0.5],
    ["1y", 31_536_000],
  ])("reads %s", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });
  it.each(["", "h", "2", "2x", "-1h", "1h 30m"])("refuses %s", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
  it("reads back what it prints", () => {
    for (const seconds of [0.5, 1, 59, 60, 61, 3600, 5400, 86_400, 90_061, 604_800, 31_536_000]) {
      expect(parseDuration(printDuration(seconds))).toBe(seconds);
    }
  });
});

describe("times", () => {
  const at = Date.UTC(2026, 2, 12, 14, 13) / 1000;
  it("are written in UTC", () => {
    expect(hourMinute(at, utc)).toBe("14:13");
    expect(dayMonth(at, utc)).toBe("12 Mar");
    expect(fullTime(at, utc)).toBe("14:13:00 UTC Thu 12 Mar");
    expect(linkTime(at)).toBe("2026-03-12 14:13:00");
  });
  it.each([
    ["now", 1000],
    ["now-1m", 940],
    ["12", 12],
    ["1970-01-01 00:01", 60],
    ["1970-01-01", 0],
    ["1970-01-01T00:02:00Z", 120],
    ["1970-01-01T02:00:00+02:00", 0],
  ])("reads %s", (text, seconds) => {
    expect(parseTime(text, 1000)).toBe(seconds);
  });
  it.each(["", "then", "now+1h", "now-x", "2026-13-40"])("refuses %s", (text) => {
    expect(parseTime(text, 1000)).toBeUndefined();
  });
  it("tells how long ago", () => {
    expect(ago(991, 1000)).toBe("9 s ago");
    expect(ago(0, 7300)).toBe("2 h ago");
    // A clock that jumped back must not show negative ages.
    expect(ago(2000, 1000)).toBe("0 s ago");
  });
});
