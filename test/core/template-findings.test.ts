import { expect, test } from "vitest";
import { createFindings } from "../../src/core/template-findings.ts";

test("a hundred findings are kept, and what comes after is not", () => {
  const { diagnostics, error, full } = createFindings();
  for (let n = 1; n <= 100; n++) {
    expect(full()).toBe(false);
    error("CODE", `/${n}`, "message");
  }
  expect(full()).toBe(true);
  error("CODE", "/101", "message");
  expect(diagnostics.map(({ pointer }) => pointer)).toEqual(
    Array.from({ length: 100 }, (_, i) => `/${i + 1}`),
  );
});
