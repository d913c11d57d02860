import { afterEach, expect, it, vi } from "vitest";
import { LRUCache } from "./lru-cache";

afterEach(() => void vi.useRealTimers());

it("forgets what was set too long ago, and not what was set again", () => {
  vi.useFakeTimers();
  const cache = new LRUCache<string, number>({ ttl: 100 });
  cache.set("a", 1).set("b", 2);
  vi.advanceTimersByTime(60);
  cache.set("a", 3);
  expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([3, 2, undefined]);
  vi.advanceTimersByTime(60);
  expect([cache.get("a"), cache.get("b")]).toEqual([3, undefined]);
});

it("does not grow by what is forgotten", () => {
  vi.useFakeTimers();
  const cache = new LRUCache<number, number>({ ttl: 100 });
  for (let i = 0; i < 1000; i += 1) {
    vi.advanceTimersByTime(10);
    cache.set(i, i);
  }
  expect(cache.size).toBeLessThan(12);
});

it("is what the editor's completion keeps answers in", async () => {
  const { LRUCache: used } = (await import("lru-cache")) as unknown as { LRUCache: unknown };
  expect(used).toBe(LRUCache);
});
