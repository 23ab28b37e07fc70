import { GapCause, MoveCause, type StreamControlSchema } from "../../gen/opscore/v1/common_pb.ts";
import { Refused } from "../core/errors.ts";
import type { Page } from "../engine/agents.ts";
import type { Page as JournalPage } from "../engine/follow.ts";
import { type Init, toDuration, toTime } from "./convert.ts";
import type { Cursor } from "./cursor.ts";
import { pause } from "./pause.ts";
import {
  beginAt,
  expired,
  framesOf,
  type JournalEntry,
  type OnGap,
  type Reading,
  type ReadStart,
} from "./reading.ts";

/** One frame of a watch. The first holds only the cursor. */
export interface Frame<I, E> {
  readonly cursor: string;
  readonly items?: readonly I[];
  readonly entries?: readonly E[];
  readonly control?: Init<typeof StreamControlSchema>;
}

export interface WatchOptions<I, E> {
  readonly start: ReadStart;
  readonly onGap: OnGap;
  /** A page of the current state, after an item of it. Absent: this watch has no snapshot. */
  readonly snapshot?: (after: Place | undefined) => Promise<Page<I>>;
  /** Entries that come before everything else, oldest first. */
  readonly history?: () => Promise<readonly { readonly entry: E; readonly position: bigint }[]>;
  /** A watch that ends: with the thing it is about. */
  readonly until?: {
    readonly hasEnded: () => Promise<boolean>;
    readonly ends: (entry: JournalEntry) => boolean;
  };
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Aborts when the server shuts down. */
  readonly draining: AbortSignal;
}

interface Place {
  readonly id: string;
  readonly createdMs: number;
}

/** Under load, at most one frame in this time: entries gather in the journal, not in memory. */
const FRAME_GAP_MS: Readonly<Record<Reading<unknown>["journal"], number>> = {
  agents: 10,
  runs: 10,
  logs: 50,
};

/** When to come back after the server asked for it. */
const MOVED_RETRY_MS = 100;

/**
 * Entries of a journal as they are written, from wherever the caller wants to
 * begin; with a snapshot, current state first. Pulled by the reader: a slow one
 * costs only its own cursor. Never a silent skip: what is lost is a Gap frame,
 * and every frame's cursor is the place to resume after it.
 *
 * @throws {Refused} `invalid_cursor`, `cursor_expired`, and `draining` after a Moved frame.
 */
export async function* watch<I, E>(
  reading: Reading<E>,
  options: WatchOptions<I, E>,
): AsyncGenerator<Frame<I, E>> {
  const cursor = await beginAt(reading, options.start, options.onGap);
  yield* new Watch(reading, options, cursor).frames();
}

class Watch<I, E> {
  readonly #reading: Reading<E>;
  readonly #options: WatchOptions<I, E>;
  readonly #signal: AbortSignal;
  readonly #openedAtMs: number;
  #spokeAtMs: number;
  /** Everything up to here was sent, or was looked at and not wanted. */
  #cursor: Cursor;

  constructor(reading: Reading<E>, options: WatchOptions<I, E>, cursor: Cursor) {
    this.#reading = reading;
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, options.draining]);
    this.#openedAtMs = reading.journals.nowMs();
    this.#spokeAtMs = this.#openedAtMs;
    this.#cursor = cursor;
  }

  async *frames(): AsyncGenerator<Frame<I, E>> {
    try {
      let ended = (await this.#options.until?.hasEnded()) ?? false;
      yield* this.#opening();
      for (;;) {
        if (this.#cursor.item) yield* this.#snapshot();
        const outcome = yield* this.#live(ended);
        if (outcome === "finished") return;
        if (outcome === "too_old") {
          yield this.#moved(MoveCause.MAX_AGE);
          throw new Refused({ code: "draining" });
        }
        ended = (await this.#options.until?.hasEnded()) ?? false;
      }
    } catch (error) {
      if (!this.#options.draining.aborted || this.#options.signal.aborted) throw error;
      yield this.#moved(MoveCause.DRAIN);
      throw new Refused({ code: "draining" });
    }
  }

  /** The first frames: where the stream begins, and what the reader asked to see before that. */
  async *#opening(): AsyncGenerator<Frame<I, E>> {
    const past = (await this.#options.history?.()) ?? [];
    if (past[0]) this.#cursor = { position: past[0].position - 1n };
    yield this.#frame({});
    const { frame_items } = this.#reading.limits;
    for (let i = 0; i < past.length; i += frame_items) {
      const frame = past.slice(i, i + frame_items);
      this.#cursor = { position: frame.at(-1)?.position ?? this.#cursor.position };
      yield this.#frame({ entries: frame.map(({ entry }) => entry) });
    }
  }

  async *#snapshot(): AsyncGenerator<Frame<I, E>> {
    const { snapshot } = this.#options;
    for (;;) {
      const { position, item } = this.#cursor;
      if (item === undefined) return;
      this.#signal.throwIfAborted();
      const page = await snapshot?.(item.id === "" ? undefined : item);
      const count = item.count + (page?.items.length ?? 0);
      const next = page?.next;
      this.#cursor = { position, ...(next && { item: { ...next, count } }) };
      // The end comes with the last items: whoever resumes after them has seen both.
      const items = page?.items ?? [];
      if (next === undefined) yield this.#frame({ items, control: snapshotDone(count) });
      else if (items.length > 0) yield this.#frame({ items });
    }
  }

  /** Ends when there is nothing more to follow, or when it has to be begun again after a gap. */
  async *#live(ended: boolean): AsyncGenerator<Frame<I, E>, "finished" | "too_old" | "again"> {
    const { journals, journal, only, limits } = this.#reading;
    const pages = journals.follow(journal, {
      after: this.#cursor.position,
      signal: this.#signal,
      only,
      // Half of the silence allowed; the other half is for entries that are not wanted.
      idleMs: ended ? 0 : limits.progress_ms / 2,
    });
    for await (const page of pages) {
      if (page.type === "gap") {
        yield* this.#gap(page);
        return "again";
      }
      if (page.type === "entries") yield* this.#entries(page);
      this.#cursor = { position: page.through };
      if (this.#isFinishedBy(page, ended)) return "finished";
      if (this.#passed(this.#spokeAtMs, limits.progress_ms / 2)) {
        yield this.#frame({ control: await this.#progress() });
      }
      if (this.#passed(this.#openedAtMs, limits.stream_age_ms)) return "too_old";
      if (page.type === "entries") await this.#pace();
    }
    return "finished";
  }

  async *#entries(page: Extract<JournalPage, { type: "entries" }>): AsyncGenerator<Frame<I, E>> {
    for (const { entries, position } of framesOf(this.#reading, page)) {
      this.#cursor = { position };
      yield this.#frame({ entries });
    }
  }

  /** With a thing that had ended before, all that is kept is sent: reports may have come late. */
  #isFinishedBy(page: Exclude<JournalPage, { type: "gap" }>, ended: boolean): boolean {
    const { until } = this.#options;
    if (page.type === "idle") return ended;
    return !ended && until !== undefined && page.entries.some(until.ends);
  }

  async *#gap(gap: Extract<JournalPage, { type: "gap" }>): AsyncGenerator<Frame<I, E>> {
    const { onGap, snapshot } = this.#options;
    if (onGap === "fail") throw expired(this.#reading.cursors, gap.through);
    this.#cursor = { position: gap.through };
    const value = { cause: GapCause.RETENTION, positions: gap.through - gap.after };
    yield this.#frame({ control: { control: { case: "gap", value } } });
    if (onGap !== "snapshot" || snapshot === undefined) return;
    this.#cursor = await beginAt(this.#reading, { type: "snapshot" }, onGap);
  }

  #passed(sinceMs: number, ms: number): boolean {
    return this.#reading.journals.nowMs() - sinceMs >= ms;
  }

  async #progress(): Promise<Init<typeof StreamControlSchema>> {
    const { journals, journal } = this.#reading;
    const lag = (await journals.head(journal)) - this.#cursor.position;
    return {
      control: {
        case: "progress",
        value: {
          storeTime: toTime(journals.nowMs()),
          lag: lag > 0n ? lag : 0n,
        },
      },
    };
  }

  #moved(cause: MoveCause): Frame<I, E> {
    const retryAfter = toDuration(MOVED_RETRY_MS);
    return this.#frame({ control: { control: { case: "moved", value: { cause, retryAfter } } } });
  }

  async #pace(): Promise<void> {
    const { journals, journal } = this.#reading;
    const gapMs = FRAME_GAP_MS[journal] - (journals.nowMs() - this.#spokeAtMs);
    if (gapMs > 0) await pause(gapMs, this.#signal);
  }

  #frame(content: Omit<Frame<I, E>, "cursor">): Frame<I, E> {
    this.#spokeAtMs = this.#reading.journals.nowMs();
    return { cursor: this.#reading.cursors.seal(this.#cursor), ...content };
  }
}

function snapshotDone(items: number): Init<typeof StreamControlSchema> {
  return { control: { case: "snapshotDone", value: { items } } };
}
