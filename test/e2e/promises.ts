/** One frame as a reader got it. Places are positions of a journal. */
export interface SeenFrame {
  /** The place of its cursor. */
  readonly place: number;
  /** Its entries. */
  readonly positions: readonly number[];
  /** Items of a snapshot in it. */
  readonly items?: number;
  /** How many items it says the snapshot had. */
  readonly snapshotDone?: number;
  /** It says that entries up to here were lost. */
  readonly isGap?: boolean;
}

export interface SeenStream {
  /** The place of the cursor it was opened with; 0 is the beginning. */
  readonly after: number;
  readonly frames: readonly SeenFrame[];
}

/** What one watcher saw, and what it should have seen. */
export interface History {
  /** Every entry that it wants, and the commit that wrote it. */
  readonly kept: readonly { readonly position: number; readonly commit: number }[];
  /** Its streams, each opened where the one before was cut. */
  readonly streams: readonly SeenStream[];
  /** Streams opened again at cursors of the others, for the sake of it. */
  readonly probes: readonly SeenStream[];
}

/** What each promise of a watch means. A validator returns what breaks its promise. */
export const PROMISES = {
  ordered: ({ streams, probes }) => [streams, ...probes.map((probe) => [probe])].flatMap(falls),

  unique: ({ streams, probes }) =>
    [streams, ...probes.map((probe) => [probe])].flatMap((of) =>
      positionsOf(of)
        .filter((position, i, all) => all.indexOf(position) < i)
        .map((position) => `${position} came twice`),
    ),

  reliable({ kept, streams }) {
    const seen = new Set(positionsOf(streams));
    const lost = streams.flatMap(gapsOf);
    const end = framesOf(streams).at(-1)?.place ?? 0;
    const isExcused = (position: number) =>
      position > end || lost.some(([after, through]) => position > after && position <= through);
    return kept
      .filter(({ position }) => !seen.has(position) && !isExcused(position))
      .map(({ position }) => `${position} was skipped`);
  },

  atomic({ kept, streams, probes }) {
    const commits = new Map(kept.map(({ position, commit }) => [position, commit]));
    return [streams, ...probes.map((probe) => [probe])].flatMap((of) => split(of, commits));
  },

  resumable({ kept, streams, probes }) {
    return [...streams, ...probes].flatMap(({ after, frames }) => {
      const first = frames.flatMap(({ positions }) => positions)[0];
      const expected = kept.find(({ position }) => position > after)?.position;
      const isExcused = first === undefined || frames.some(({ isGap }) => isGap);
      return isExcused || first === expected ? [] : [`after ${after} came ${first}`];
    });
  },

  bookmarkable: ({ streams, probes }) => [...streams, ...probes].flatMap(wrongBookmarks),
} as const satisfies Readonly<Record<string, (history: History) => readonly string[]>>;

export type PromiseName = keyof typeof PROMISES;

/** The promises that a history breaks, with how. */
export function brokenPromises(
  history: History,
  names: readonly PromiseName[] = Object.keys(PROMISES) as PromiseName[],
): Readonly<Partial<Record<PromiseName, readonly string[]>>> {
  const found = names.map((name) => [name, PROMISES[name](history)] as const);
  return Object.fromEntries(found.filter(([, faults]) => faults.length > 0));
}

function framesOf(streams: readonly SeenStream[]): readonly SeenFrame[] {
  return streams.flatMap(({ frames }) => frames);
}

function positionsOf(streams: readonly SeenStream[]): readonly number[] {
  return framesOf(streams).flatMap(({ positions }) => positions);
}

function falls(streams: readonly SeenStream[]): readonly string[] {
  return positionsOf(streams).flatMap((position, i, all) => {
    const before = all[i - 1] ?? 0;
    return position < before ? [`${position} came after ${before}`] : [];
  });
}

/** From where to where each Gap frame says that entries were lost. */
function gapsOf({ after, frames }: SeenStream): readonly (readonly [number, number])[] {
  return frames.flatMap(({ isGap, place }, i) =>
    isGap ? [[frames[i - 1]?.place ?? after, place] as const] : [],
  );
}

function split(
  streams: readonly SeenStream[],
  commits: ReadonlyMap<number, number>,
): readonly string[] {
  const places = new Map<number, Set<SeenFrame>>();
  for (const frame of framesOf(streams)) {
    for (const position of frame.positions) {
      const commit = commits.get(position) ?? 0;
      places.set(commit, (places.get(commit) ?? new Set()).add(frame));
    }
  }
  return [...places]
    .filter(([, frames]) => frames.size > 1)
    .map(([commit, frames]) => `commit ${commit} came in ${frames.size} frames`);
}

/** A stream begins with its place alone; no cursor is ahead of what was delivered, nor behind it. */
function wrongBookmarks({ after, frames }: SeenStream): readonly string[] {
  const wrong: string[] = [];
  if ((frames[0]?.positions.length ?? 0) > 0) wrong.push(`after ${after} no bookmark came first`);
  let last = 0;
  let items = 0;
  for (const [i, frame] of frames.entries()) {
    last = Math.max(last, ...frame.positions);
    items += frame.items ?? 0;
    if (frame.place < last) wrong.push(`${frame.place} is behind ${last}`);
    const next = frames.slice(i + 1).find(({ positions }) => positions.length > 0)?.positions ?? [];
    if (next.some((position) => position <= frame.place)) {
      wrong.push(`${frame.place} is ahead of ${next[0]}`);
    }
    if (frame.snapshotDone !== undefined && frame.snapshotDone !== items) {
      wrong.push(`${items} items of ${frame.snapshotDone} came before the end of the snapshot`);
    }
  }
  return wrong;
}
