import { expect, test } from "vitest";
import { holds } from "../../src/core/task-condition.ts";

test("a condition that is true holds; one that is false or fails does not", () => {
  expect(holds("input.n == 1", { input: { n: 1 } })).toBe(true);
  expect(holds("input.n == 1", { input: { n: 2 } })).toBe(false);
  expect(holds("input.n == 1", { input: {} })).toBe(false);
  expect(holds("input.n", { input: { n: 1 } })).toBe(false);
});

test("the time that was kept with the task is a time again", () => {
  const values = { now: "2026-01-02T00:00:00.000Z" };
  expect(holds("now == timestamp('2026-01-02T00:00:00Z')", values)).toBe(true);
  expect(holds("now > timestamp('2026-01-01T00:00:00Z')", { now: new Date(values.now) })).toBe(
    true,
  );
});

test("a bug is no condition that fails", () => {
  const values = Object.defineProperty({}, "now", {
    get() {
      throw new Error("a bug");
    },
  });
  expect(() => holds("true", values)).toThrow("a bug");
});
