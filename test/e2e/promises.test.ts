import { expect, test } from "vitest";
import { brokenPromises, type History, type PromiseName, type SeenFrame } from "./promises.ts";

const frame = (place: number, ...positions: readonly number[]): SeenFrame => ({ place, positions });

const FIRST = { after: 0, frames: [frame(0), frame(3, 1, 2, 3), frame(4)] };
const SECOND = { after: 4, frames: [frame(4), frame(5, 5), frame(8, 6, 8)] };
/** Six entries in five commits, seen over two streams; opened once more in between. */
const SOUND = {
  kept: [
    { position: 1, commit: 1 },
    { position: 2, commit: 2 },
    { position: 3, commit: 2 },
    { position: 5, commit: 3 },
    { position: 6, commit: 4 },
    { position: 8, commit: 5 },
  ],
  streams: [FIRST, SECOND],
  probes: [{ after: 3, frames: [frame(3), frame(5, 5)] }],
} satisfies History;

const KEPT_ALL = { after: 0, frames: [frame(0), frame(8)] };

test("a sound history breaks no promise", () => {
  expect(brokenPromises(SOUND)).toEqual({});
  // What the server says that it lost is not skipped in silence.
  const gap = { ...frame(3), isGap: true };
  const begins = { after: 0, frames: [frame(0), gap, frame(4)] };
  expect(brokenPromises({ ...SOUND, streams: [begins, SECOND] })).toEqual({});
});

const FAULTS: readonly (readonly [PromiseName, string, Partial<History>])[] = [
  [
    "ordered",
    "two entries change places",
    { streams: [FIRST, { after: 4, frames: [frame(4), frame(5, 5), frame(8, 8, 6)] }] },
  ],
  [
    "unique",
    "an entry comes twice",
    { streams: [FIRST, { after: 4, frames: [frame(4), frame(5, 5), frame(8, 6, 6, 8)] }] },
  ],
  [
    "reliable",
    "an entry in the middle never comes",
    { streams: [FIRST, { after: 4, frames: [frame(4), frame(5, 5), frame(8, 8)] }] },
  ],
  ["reliable", "nothing comes, and the cursor moves on", { streams: [KEPT_ALL] }],
  [
    "atomic",
    "a commit comes in two frames",
    { streams: [{ after: 0, frames: [frame(0), frame(2, 1, 2), frame(3, 3), frame(4)] }, SECOND] },
  ],
  [
    "resumable",
    "a stream that is opened again begins too late",
    { probes: [{ after: 3, frames: [frame(3), frame(6, 6)] }] },
  ],
  [
    "resumable",
    "a stream that is opened again begins too early",
    { probes: [{ after: 3, frames: [frame(2), frame(5, 3, 5)] }] },
  ],
  [
    "bookmarkable",
    "a cursor is ahead of what was delivered",
    { streams: [FIRST, { after: 4, frames: [frame(4), frame(8, 5), frame(8, 6, 8)] }] },
  ],
  [
    "bookmarkable",
    "a cursor is behind what was delivered",
    { streams: [FIRST, { after: 4, frames: [frame(4), frame(4, 5), frame(8, 6, 8)] }] },
  ],
  [
    "bookmarkable",
    "a stream does not begin with its place",
    { streams: [FIRST, { after: 4, frames: [frame(5, 5), frame(8, 6, 8)] }] },
  ],
  [
    "bookmarkable",
    "a snapshot ends before all its items came",
    {
      streams: [
        { after: 0, frames: [frame(0), { ...frame(0), items: 2, snapshotDone: 3 }] },
        FIRST,
        SECOND,
      ],
    },
  ],
];

test.each(FAULTS)("only %s is broken when %s", (name, _, fault) => {
  expect(Object.keys(brokenPromises({ ...SOUND, ...fault }))).toEqual([name]);
});
