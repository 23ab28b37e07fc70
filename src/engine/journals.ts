import type { JournalName, Kind } from "../store/store.ts";
import type { Page } from "./follow.ts";

/** Where reading of a journal begins. */
export type JournalStart =
  | { readonly type: "after"; readonly position: bigint }
  | { readonly type: "oldest" }
  | { readonly type: "now" }
  | { readonly type: "since"; readonly atMs: number };

/** Reads of the journals, all through `follow`. */
export interface Journals {
  /** Makes cursors of one data set useless for another. */
  readonly storeId: string;
  nowMs(): number;
  head(journal: JournalName): Promise<bigint>;
  position(journal: JournalName, start: JournalStart): Promise<bigint>;
  follow(
    journal: JournalName,
    options: {
      readonly after: bigint;
      readonly signal: AbortSignal;
      readonly only?: { readonly ns: string; readonly kind?: Kind; readonly id?: string };
      readonly idleMs?: number;
    },
  ): AsyncGenerator<Page, never>;
  /** The oldest position that can still be read after. */
  floor(journal: JournalName): Promise<bigint>;
}
