import { expect, it, vi } from "vitest";
import type { Answer } from "./client";
import type { QueryData } from "./types";

vi.mock("../state/url", () => ({ base: "/", place: { value: { params: new URLSearchParams() } } }));
vi.mock("../state/clock", () => ({ hear: () => {}, present: () => 0 }));
const { ApiError } = await import("./client");
const { together } = await import("./batch");

const vector = (value: string, warnings: string[] = []): Answer<QueryData> => ({
  data: { resultType: "vector", result: [{ metric: {}, value: [1, value] }] },
  warnings,
  infos: [],
});
const read = (data: QueryData) => data.result.length;

it("tells of one that failed beside what the others gave", () => {
  const answers = new Map<string, Answer<QueryData> | InstanceType<typeof ApiError>>([["a", vector("1", ["w"])], ["b", new ApiError("too slow", "timeout", 503)], ["c", vector("2", ["w"])]]);
  expect(together(["a", "b", "c"], answers, read, 0)).toEqual({ data: { a: 1, b: 0, c: 1 }, warnings: ["w", "b: too slow"], infos: [] });
});

it("misses an answer that never came", () => {
  expect(together(["a", "b"], new Map([["a", vector("1")]]), read, 0).warnings).toEqual(["b: The server gave no answer to this query."]);
});

it("fails where all did", () => {
  const failed = new ApiError("too slow", "timeout", 503);
  expect(() => together(["a", "b"], new Map([["a", failed], ["b", failed]]), read, 0)).toThrow("too slow");
  expect(together([], new Map(), read, 0).data).toEqual({});
});
