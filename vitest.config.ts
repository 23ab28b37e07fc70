import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: Vitest looks for it.
export default defineConfig({
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Rules are pure, so nothing excuses an untested one. Other folders have no number to aim at.
    coverage: {
      provider: "v8",
      include: ["src/core/**"],
      reporter: [["text", { skipFull: true }]],
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
