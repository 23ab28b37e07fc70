import { GapCause, type StreamControl_GapSchema } from "../../gen/opscore/v1/common_pb.ts";
import type { Init } from "./convert.ts";
import {
  beginAt,
  expired,
  type JournalEntry,
  type OnGap,
  type Reading,
  type ReadStart,
} from "./reading.ts";

export interface EntriesQuery {
  readonly start: ReadStart;
  readonly onGap: OnGap;
  readonly limit: number;
  /** A thing whose end is the end of its entries. */
  readonly until?: {
    readonly hasEnded: () => Promise<boolean>;
    readonly ends: (entry: JournalEntry) => boolean;
  };
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Aborts when it is time to answer with what there is; at once for a call that does not wait. */
  readonly waiting: AbortSignal;
}

export interface EntriesPage<E> {
  readonly entries: readonly E[];
  /** The cursor to go on with. */
  readonly next: string;
  readonly gap?: Init<typeof StreamControl_GapSchema>;
  /** The thing has ended and nothing comes after `next`. */
  readonly ended: boolean;
}

/**
 * The unary twin of `watch`: entries after a cursor, from the same journal by
 * the same filter. Waits for the first when there is none; an empty answer has
 * a moved `next`.
 *
 * @throws {Refused} `invalid_cursor`, `cursor_expired`.
 */
export async function listEntries<E>(
  reading: Reading<E>,
  query: EntriesQuery,
): Promise<EntriesPage<E>> {
  const { position } = await beginAt(reading, query.start, query.onGap);
  const endedBefore = (await query.until?.hasEnded()) ?? false;
  let found = await readToHead(reading, query, position);
  if (!endedBefore && isEmpty(found) && found.atHead && !query.waiting.aborted) {
    await appears(reading, query, found.position);
    found = await readToHead(reading, query, found.position);
  }
  const { entries, gap, atHead, sawEnd } = found;
  return {
    entries,
    next: reading.cursors.seal({ position: found.position }),
    ...(gap && { gap }),
    ended: atHead && (endedBefore || sawEnd),
  };
}

interface Found<E> {
  readonly entries: E[];
  position: bigint;
  gap?: { readonly cause: GapCause; readonly positions: bigint };
  atHead: boolean;
  sawEnd: boolean;
}

function isEmpty({ entries, gap }: Found<unknown>): boolean {
  return entries.length === 0 && gap === undefined;
}

/** What is there now, as far as it fits into one answer. */
async function readToHead<E>(
  reading: Reading<E>,
  { onGap, limit, until, signal }: EntriesQuery,
  after: bigint,
): Promise<Found<E>> {
  const { journals, journal, only, limits, cursors } = reading;
  const found: Found<E> = { entries: [], position: after, atHead: false, sawEnd: false };
  const room = { items: limit, bytes: limits.page_bytes };
  let examined = 0;
  for await (const page of journals.follow(journal, { after, signal, only, idleMs: 0 })) {
    if (page.type === "gap") {
      if (onGap === "fail") throw expired(cursors, page.through);
      found.gap = widen(found.gap, page);
    } else if (page.type === "entries") {
      if (!take(reading, page.entries, room, found)) return found;
      examined += page.entries.length;
      found.sawEnd ||= until !== undefined && page.entries.some(until.ends);
    }
    found.position = page.through;
    found.atHead = page.type === "idle";
    if (found.atHead || examined >= limits.page_scan_items) return found;
  }
  return found;
}

function widen(
  gap: Found<unknown>["gap"],
  more: { readonly after: bigint; readonly through: bigint },
) {
  const positions = (gap?.positions ?? 0n) + more.through - more.after;
  return { cause: GapCause.RETENTION, positions };
}

/** Adds the entries that are wanted and fit. `false`: the answer is full, and `position` is its end. */
function take<E>(
  { pick }: Reading<E>,
  entries: readonly JournalEntry[],
  room: { items: number; bytes: number },
  found: Found<E>,
): boolean {
  for (const entry of entries) {
    const wanted = pick(entry);
    if (wanted !== undefined) {
      room.bytes -= entry.body.length;
      if (room.bytes < 0 && found.entries.length > 0) return false;
      found.entries.push(wanted);
      room.items--;
    }
    found.position = entry.position;
    if (room.items === 0) return false;
  }
  return true;
}

/** Resolves when the next wanted entry is there, or the wait is over. */
async function appears<E>(
  { journals, journal, only, limits, pick }: Reading<E>,
  { signal, waiting }: EntriesQuery,
  after: bigint,
): Promise<void> {
  const until = AbortSignal.any([signal, waiting]);
  const idleMs = limits.progress_ms;
  try {
    for await (const page of journals.follow(journal, { after, signal: until, only, idleMs })) {
      if (page.type === "gap") return;
      if (page.type === "entries" && page.entries.some((entry) => pick(entry) !== undefined))
        return;
    }
  } catch (error) {
    if (!waiting.aborted || signal.aborted) throw error;
  }
}
