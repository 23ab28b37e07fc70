import type { Entity, ListQuery, Store } from "../store/store.ts";
import type { Page, PageOptions } from "./agents.ts";

/** Rows read at once while a page is being filled. */
const SLICE = 200;

/**
 * Fills a page with the entities that `pick` makes something of. Examines a
 * bounded number, so a page can be short, even empty, and still have a `next`.
 */
export async function scan<T>(
  store: Store,
  query: Omit<ListQuery, "after" | "limit">,
  { limit, after }: Pick<PageOptions, "limit" | "after">,
  scanMax: number,
  pick: (entity: Entity) => T | undefined,
): Promise<Page<T>> {
  const items: T[] = [];
  let [last, next] = [after, after];
  let at: bigint | undefined;
  const unfinished = () => ({ items, ...(next && { next }), at: at ?? 0n });
  for (let examined = 0; examined < scanMax; ) {
    const slice = Math.min(Math.max(SLICE, limit + 1), scanMax - examined);
    const page = await store.list({ ...query, ...(last && { after: last }), limit: slice });
    at ??= page.at;
    for (const entity of page.entities) {
      examined++;
      last = placeOf(entity);
      const item = pick(entity);
      if (item === undefined) continue;
      // One more than was asked for: only then does the page not end the list.
      if (items.length === limit) return unfinished();
      items.push(item);
      next = last;
    }
    if (page.entities.length < slice) return { items, at };
    if (items.length < limit) next = last;
  }
  return unfinished();
}

function placeOf({ ns, id, createdMs }: Entity) {
  return { ns, id, createdMs };
}
