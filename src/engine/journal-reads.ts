import { isRefused } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { Store } from "../store/store.ts";
import { follow } from "./follow.ts";
import type { Journals } from "./journals.ts";

export function createJournals(store: Store, limits: Limits): Journals {
  /** The oldest position that can still be read after, learned from a refusal. */
  async function floor(journal: Parameters<Journals["floor"]>[0]): Promise<bigint> {
    try {
      await store.read(journal, 0n, 1);
      return 0n;
    } catch (error) {
      if (!isRefused(error, "cursor_expired")) throw error;
      return error.refusal.oldest;
    }
  }

  return {
    storeId: store.storeId,
    nowMs: () => store.nowMs(),
    head: (journal) => store.head(journal),
    floor,

    async position(journal, start) {
      switch (start.type) {
        case "after":
          return start.position;
        case "oldest":
          return floor(journal);
        case "now":
          return store.head(journal);
        case "since":
          return store.positionBefore(journal, start.atMs);
      }
    },

    follow: (journal, { idleMs = limits.progress_ms, ...options }) =>
      follow(store, journal, { limit: limits.frame_items, idleMs, ...options }),
  };
}
