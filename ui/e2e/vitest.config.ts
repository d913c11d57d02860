import { defineConfig } from "vitest/config";

// The real server and a real browser: `npm run e2e`. NARTHEX_BIN names the binary, CHROMIUM the browser.
export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    // Others may be at work on the machine.
    expect: { poll: { timeout: 20_000 } },
  },
});
