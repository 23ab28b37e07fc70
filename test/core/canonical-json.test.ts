import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import type { Json } from "../../src/core/json.ts";

test("sorts the keys of objects at every depth and nothing else", () => {
  const value: Json = { b: [{ d: 1, c: null }, "x"], a: true, 10: 2, 9: 1 };
  expect(canonicalJson(value)).toBe('{"9":1,"10":2,"a":true,"b":[{"c":null,"d":1},"x"]}');
});

test("says the same of a value however its keys were written, and keeps the value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value as Json);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(reversed(JSON.parse(text)))).toBe(text);
    }),
  );
});

test("keeps a key called __proto__", () => {
  const text = '{"__proto__":{"a":1}}';
  expect(canonicalJson(JSON.parse(text))).toBe(text);
});

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
