import { Refused, unreachable } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { Page } from "../engine/follow.ts";
import type { JournalStart, Journals } from "../engine/journals.ts";
import type { Cursor, Cursors } from "./cursor.ts";

/** An entry as the journals give it. */
export type JournalEntry = Extract<Page, { type: "entries" }>["entries"][number];

/** One journal as a caller reads it: what of it, by which cursors, in which form. */
export interface Reading<E> {
  readonly journals: Journals;
  readonly limits: Limits;
  readonly journal: "agents" | "runs" | "logs";
  readonly only: { readonly ns: string; readonly kind?: "run"; readonly id?: string };
  readonly cursors: Cursors;
  /** The entry as callers get it; `undefined` when the filter does not match. */
  readonly pick: (entry: JournalEntry) => E | undefined;
}

/** What a reader wants when entries it has not seen are gone. */
export type OnGap = "continue" | "snapshot" | "fail";

/** Where a reader wants to begin. */
export type ReadStart =
  | { readonly type: "cursor"; readonly cursor: string }
  /** The current state first. */
  | { readonly type: "snapshot" }
  | Exclude<JournalStart, { type: "after" }>;

/**
 * The place to begin at.
 * @throws {Refused} `invalid_cursor`; `cursor_expired` for a cursor beyond the head, which a
 *   restored store has never reached, and with `fail` for one whose next entries are gone.
 */
export async function beginAt<E>(
  { journals, journal, cursors }: Reading<E>,
  start: ReadStart,
  onGap: OnGap,
): Promise<Cursor> {
  switch (start.type) {
    case "cursor": {
      const cursor = cursors.open(start.cursor);
      const floor = await journals.floor(journal);
      const beyond = cursor.position > (await journals.head(journal));
      if (beyond || (onGap === "fail" && cursor.position < floor)) throw expired(cursors, floor);
      return cursor;
    }
    case "snapshot":
      return { position: await journals.head(journal), item: NOTHING_YET };
    case "oldest":
    case "now":
    case "since":
      return { position: await journals.position(journal, start) };
    default:
      return unreachable(start);
  }
}

/** A snapshot of which no item was sent. */
const NOTHING_YET = { id: "", createdMs: 0, count: 0 } as const;

export function expired(cursors: Cursors, oldest: bigint): Refused {
  const cursor = cursors.seal({ position: oldest });
  return new Refused({ code: "cursor_expired", oldest, cursor });
}

/** Some entries, and the place after them. */
export interface Stretch<E> {
  readonly entries: readonly E[];
  readonly position: bigint;
}

/**
 * The entries of one page that the reader wants, in frames of a bounded size. A
 * commit is never split; log entries are no commit. The last frame reaches
 * `through`. Nothing when no entry is wanted.
 */
export function* framesOf<E>(
  { journal, pick, limits }: Reading<E>,
  { entries, through }: Extract<Page, { type: "entries" }>,
): Generator<Stretch<E>> {
  let frame: E[] = [];
  let frameBytes = 0;
  let commit: E[] = [];
  let commitBytes = 0;
  let position = through;
  for (const entry of entries) {
    const wanted = pick(entry);
    if (wanted !== undefined) {
      commit.push(wanted);
      commitBytes += entry.body.length;
    }
    if (!entry.ends && journal !== "logs") continue;
    const isOver =
      frame.length + commit.length > limits.frame_items ||
      frameBytes + commitBytes > limits.frame_bytes;
    if (isOver && frame.length > 0 && commit.length > 0) {
      yield { entries: frame, position };
      frame = [];
      frameBytes = 0;
    }
    frame.push(...commit);
    frameBytes += commitBytes;
    position = entry.position;
    commit = [];
    commitBytes = 0;
  }
  frame.push(...commit);
  if (frame.length > 0) yield { entries: frame, position: through };
}
