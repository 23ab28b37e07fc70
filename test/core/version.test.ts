import { expect, test } from "vitest";
import { isRange, isVersion, parseCapability, satisfies } from "../../src/core/version.ts";

test("a capability is a name, or a name and a range", () => {
  expect(parseCapability("plan")).toEqual({ name: "plan", range: "*" });
  expect(parseCapability("plan@^2 || 3.x")).toEqual({ name: "plan", range: "^2 || 3.x" });
});

test.each([
  ["1.2.3", "^1", true],
  ["2.0.0", "^1", false],
  ["", "*", true],
  ["", "<1", true],
  ["", "^1", false],
  ["1.0.0-beta", "*", true],
  ["1.0.0-beta", "^1", false],
])("%j in %j: %s", (version, range, expected) => {
  expect(satisfies(version, range)).toBe(expected);
});

test("versions are written out in full, ranges are not empty", () => {
  expect(["1.2.3", "1.0.0-a.1"].every(isVersion)).toBe(true);
  expect(["1", "1.2", "v1.2.3", "", "x", " 1.2.3"].some(isVersion)).toBe(false);
  expect(["^1", "1.x", ">=1 <3", "*"].every(isRange)).toBe(true);
  expect(["", "^^", "one"].some(isRange)).toBe(false);
});
