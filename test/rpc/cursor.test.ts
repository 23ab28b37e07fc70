import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefused } from "../../src/core/errors.ts";
import { type CursorScope, createCursors, cursorAt } from "../../src/rpc/cursor.ts";
import { createPageTokens } from "../../src/rpc/page-token.ts";

const STORE = { storeId: "store-1" };
const SCOPE: CursorScope = { journal: "runs", ns: "default", filter: "state == 'failed'" };
const POSITION_MAX = 2n ** 63n - 1n;

const anyId = fc.string({ unit: "binary", minLength: 1, maxLength: 32 });
const anyPosition = fc.bigInt({ min: 0n, max: POSITION_MAX });
const anyCursor = fc.record(
  {
    position: anyPosition,
    item: fc.record({
      id: anyId,
      createdMs: fc.integer({ min: 0 }),
      count: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    }),
  },
  { requiredKeys: ["position"] },
);

function refuses(work: () => unknown, code: "invalid_cursor" | "invalid_page_token") {
  try {
    work();
  } catch (error) {
    return isRefused(error, code);
  }
  return false;
}

describe("a cursor", () => {
  const cursors = createCursors(STORE, SCOPE);

  test("opens to what was sealed, in at most 512 characters", () => {
    fc.assert(
      fc.property(anyCursor, (cursor) => {
        const text = cursors.seal(cursor);
        expect(text.length).toBeLessThanOrEqual(512);
        expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(cursors.open(text)).toEqual(cursor);
      }),
    );
  });

  test("of the longest agent id is short enough", () => {
    const item = { id: "é".repeat(64), createdMs: 1.7e12, count: 2 ** 32 - 1 };
    expect(cursors.seal({ position: POSITION_MAX, item }).length).toBeLessThanOrEqual(512);
  });

  test("with one character changed, added or left out is refused", () => {
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ é";
    fc.assert(
      fc.property(anyCursor, fc.nat(), fc.constantFrom(...digits), (cursor, at, digit) => {
        const text = cursors.seal(cursor);
        const i = at % text.length;
        const changed = `${text.slice(0, i)}${digit}${text.slice(i + 1)}`;
        if (changed !== text)
          expect(refuses(() => cursors.open(changed), "invalid_cursor")).toBe(true);
        const longer = `${text.slice(0, i)}${digit}${text.slice(i)}`;
        expect(refuses(() => cursors.open(longer), "invalid_cursor")).toBe(true);
        const shorter = `${text.slice(0, i)}${text.slice(i + 1)}`;
        expect(refuses(() => cursors.open(shorter), "invalid_cursor")).toBe(true);
      }),
    );
  });

  test("that is any other text is refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) =>
        refuses(() => cursors.open(text), "invalid_cursor"),
      ),
    );
  });

  test.each<[string, { storeId: string }, CursorScope]>([
    ["another store", { storeId: "store-2" }, SCOPE],
    ["another journal", STORE, { ...SCOPE, journal: "agents" }],
    ["another namespace", STORE, { ...SCOPE, ns: "other" }],
    ["another filter", STORE, { ...SCOPE, filter: "" }],
    ["one run", STORE, { ...SCOPE, runId: "r" }],
    ["a text", STORE, { ...SCOPE, text: "x" }],
  ])("made for %s is refused", (_, store, scope) => {
    const foreign = createCursors(store, scope).seal({ position: 5n });
    expect(refuses(() => cursors.open(foreign), "invalid_cursor")).toBe(true);
  });

  test("of a frame gives cursors of the entries inside it", () => {
    const frame = cursors.seal({ position: 9n });
    expect(cursors.open(cursorAt(frame, 7n))).toEqual({ position: 7n });
    expect(refuses(() => cursorAt("nonsense", 7n), "invalid_cursor")).toBe(true);
  });

  test("is no page token", () => {
    const tokens = createPageTokens(STORE, "ListRuns", "default", SCOPE.filter);
    const cursor = cursors.seal({ position: 1n });
    expect(refuses(() => tokens.item(cursor), "invalid_page_token")).toBe(true);
  });
});

describe("a page token", () => {
  const tokens = createPageTokens(STORE, "ListAgents", "default", "f");
  const next = { id: "agent é", createdMs: 1_700_000_000_000 };

  test("is empty where there is no other page", () => {
    expect(tokens.ofItem(undefined)).toBe("");
    expect(tokens.item("")).toBeUndefined();
    expect(tokens.ofPosition(undefined)).toBe("");
    expect(tokens.position("")).toBeUndefined();
  });

  test("opens to where the next page begins", () => {
    expect(tokens.item(tokens.ofItem(next))).toMatchObject(next);
    expect(tokens.position(tokens.ofPosition(77n))).toBe(77n);
  });

  test.each([
    ["another method", createPageTokens(STORE, "ListRuns", "default", "f")],
    ["another namespace", createPageTokens(STORE, "ListAgents", "other", "f")],
    ["another filter", createPageTokens(STORE, "ListAgents", "default", "g")],
    ["another store", createPageTokens({ storeId: "s" }, "ListAgents", "default", "f")],
  ])("of %s is refused", (_, others) => {
    const token = others.ofItem(next);
    expect(refuses(() => tokens.item(token), "invalid_page_token")).toBe(true);
  });
});
