// What the editor's completion keeps answers in. It asks `lru-cache` for nothing but keys that are forgotten after a
// while, and that package would be a twentieth of the editor (see `vite.config.ts`).

/** Keys and values, each forgotten some time after it was set. */
export class LRUCache<K, V> {
  private readonly kept = new Map<K, { value: V; until: number }>();
  private readonly ttl: number;

  /** `ttl` in milliseconds. */
  constructor({ ttl }: { ttl: number }) {
    this.ttl = ttl;
  }

  get(key: K): V | undefined {
    const found = this.kept.get(key);
    if (found === undefined || found.until > performance.now()) return found?.value;
    this.kept.delete(key);
    return undefined;
  }

  set(key: K, value: V): this {
    const now = performance.now();
    // In order of their setting, so that the first which stays ends it.
    for (const [old, { until }] of this.kept) {
      if (until > now) break;
      this.kept.delete(old);
    }
    this.kept.delete(key);
    this.kept.set(key, { value, until: now + this.ttl });
    return this;
  }

  get size(): number {
    return this.kept.size;
  }
}
