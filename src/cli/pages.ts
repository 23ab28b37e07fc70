/** The most that the contract gives at once. */
const PAGE_MAX = 1_000;

export interface Page<T> {
  readonly items: readonly T[];
  /** "" on the last page. */
  readonly next: string;
}

/**
 * The items of a list, page after page, at most `limit`. Says through `onMore`
 * where to go on when there may be more.
 */
export async function* pages<T>(
  read: (pageSize: number, pageToken: string) => Promise<Page<T>>,
  { limit, pageToken = "" }: { readonly limit: number; readonly pageToken?: string | undefined },
  onMore: (pageToken: string) => void,
): AsyncGenerator<T, void> {
  let left = limit;
  for (let token = pageToken; ; ) {
    const { items, next } = await read(Math.min(left, PAGE_MAX), token);
    yield* items;
    left -= items.length;
    if (next === "") return;
    if (left <= 0) return onMore(next);
    token = next;
  }
}

/**
 * The entries of a journal after a cursor, at most `limit`. Says through `onMore`
 * where to go on when there may be more.
 */
export async function* entriesAfter<T>(
  read: (
    after: string,
    pageSize: number,
  ) => Promise<{ readonly entries: readonly T[]; readonly next: string }>,
  { after = "", limit }: { readonly after?: string | undefined; readonly limit: number },
  onMore: (after: string) => void,
): AsyncGenerator<T, void> {
  let left = limit;
  for (let place = after; left > 0; ) {
    const { entries, next } = await read(place, Math.min(left, PAGE_MAX));
    yield* entries;
    if (entries.length === 0) return;
    left -= entries.length;
    place = next;
    if (left <= 0) onMore(place);
  }
}
