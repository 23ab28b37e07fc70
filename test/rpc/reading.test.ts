import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limitsWith } from "../../src/core/limits.ts";
import type { Journals } from "../../src/engine/journals.ts";
import { createCursors } from "../../src/rpc/cursor.ts";
import { framesOf, type JournalEntry, type Reading } from "../../src/rpc/reading.ts";

const limits = limitsWith({ frame_items: 5, frame_bytes: 100 });
const THROUGH = 1_000n;

/** Commits of entries, each `true` if the reader wants it. */
const anyCommits = fc.array(
  fc.array(fc.record({ wanted: fc.boolean(), bytes: fc.integer({ min: 1, max: 60 }) }), {
    minLength: 1,
    maxLength: 8,
  }),
  { maxLength: 12 },
);

function entriesOf(
  commits: readonly (readonly { wanted: boolean; bytes: number }[])[],
): JournalEntry[] {
  return commits.flatMap((commit, n) =>
    commit.map(({ wanted, bytes }, i) => ({
      journal: "runs" as const,
      position: BigInt(n * 10 + i + 1),
      ns: "default",
      kind: "run" as const,
      id: wanted ? "wanted" : "other",
      sequence: 1,
      atMs: 0,
      body: "x".repeat(bytes),
      ends: i === commit.length - 1,
    })),
  );
}

function reading(journal: "runs" | "logs"): Reading<JournalEntry> {
  return {
    journals: { storeId: "s" } as Journals,
    limits,
    journal,
    only: { ns: "default" },
    cursors: createCursors({ storeId: "s" }, { journal, ns: "default", filter: "" }),
    pick: (entry) => (entry.id === "wanted" ? entry : undefined),
  };
}

const frames = (journal: "runs" | "logs", entries: readonly JournalEntry[]) => [
  ...framesOf(reading(journal), { type: "entries", entries, through: THROUGH }),
];
const bytesOf = (entries: readonly JournalEntry[]) =>
  entries.reduce((sum, { body }) => sum + body.length, 0);
const commitOf = ({ position }: JournalEntry) => (position - 1n) / 10n;

describe("frames", () => {
  test("hold every wanted entry once and in order, and the last reaches the end of the page", () => {
    fc.assert(
      fc.property(anyCommits, fc.constantFrom("runs", "logs"), (commits, journal) => {
        const entries = entriesOf(commits);
        const wanted = entries.filter(({ id }) => id === "wanted");
        const made = frames(journal, entries);
        expect(made.flatMap((frame) => frame.entries)).toEqual(wanted);
        expect(made.every((frame) => frame.entries.length > 0)).toBe(true);
        if (wanted.length > 0) expect(made.at(-1)?.position).toBe(THROUGH);
      }),
    );
  });

  test("stay within their limits and never split a commit", () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const made = frames("runs", entriesOf(commits));
        for (const { entries } of made) {
          const isOneCommit = new Set(entries.map(commitOf)).size === 1;
          const fits =
            entries.length <= limits.frame_items && bytesOf(entries) <= limits.frame_bytes;
          expect(fits || isOneCommit).toBe(true);
        }
        const places = made.flatMap(({ entries }, i) =>
          [...new Set(entries.map(commitOf))].map((c) => [c, i]),
        );
        expect(new Set(places.map(([commit]) => commit)).size).toBe(places.length);
      }),
    );
  });

  test("of logs are cut anywhere", () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        for (const { entries } of frames("logs", entriesOf(commits))) {
          expect(entries.length).toBeLessThanOrEqual(limits.frame_items);
        }
      }),
    );
  });

  test("end where the next one begins: a cursor between them loses and repeats nothing", () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const entries = entriesOf(commits);
        const made = frames("runs", entries);
        for (const [i, { position }] of made.entries()) {
          const rest = entries.filter((e) => e.id === "wanted" && e.position > position);
          expect(made.slice(i + 1).flatMap((frame) => frame.entries)).toEqual(rest);
        }
      }),
    );
  });
});
