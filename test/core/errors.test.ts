import { expect, test } from "vitest";
import { isRefused, Refused, unreachable } from "../../src/core/errors.ts";

test("a refusal says its code and what it holds, positions too", () => {
  expect(new Refused({ code: "cursor_expired", oldest: 7n }).message).toContain('"oldest":"7"');
  expect(new Refused({ code: "run_exists", runId: "r" }).message).toContain('"runId":"r"');
});

test("it is told by its codes", () => {
  const refused = new Refused({ code: "run_exists", runId: "r" });
  expect(isRefused(refused, "not_found", "run_exists")).toBe(true);
  expect(isRefused(refused, "not_found")).toBe(false);
  expect(isRefused(new Error("no"), "run_exists")).toBe(false);
});

test("what types exclude is a bug when it comes", () => {
  expect(() => unreachable("x" as never)).toThrow('unreachable: "x"');
});
