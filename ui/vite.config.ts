import { defineConfig } from "vitest/config";

// Relative addresses: the server may stand below any path prefix.
export default defineConfig({
  base: "./",
  // The editor's language support uses little of it, and we have that.
  resolve: { alias: { "lru-cache": new URL("./src/pages/explore/lru-cache.ts", import.meta.url).pathname } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    // `npm run dev` beside a server: its API answers on the same origin.
    proxy: { "/api": "http://127.0.0.1:9090", "/-": "http://127.0.0.1:9090" },
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"], environment: "node" },
});
