import type { Filter } from "../core/filter.ts";
import type { LogRow, StoredLog } from "../core/log.ts";
import type { Caller } from "./caller.ts";

export interface LogBatch {
  /** Numbers its entries from `firstSeq`; what it sent before is left out. */
  readonly producer?: { readonly id: string; readonly firstSeq: number };
  /** `actor` is set by the engine. */
  readonly rows: readonly Omit<LogRow, "actor" | "producerId" | "producerSeq">[];
  readonly acknowledge: "queued" | "committed";
}

export interface LogSearch {
  readonly filter?: Filter;
  readonly text?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly order: "newest" | "oldest";
  readonly after?: bigint;
  readonly limit: number;
}

export interface Logs {
  /** Cuts rows to their limit (flagged), drops what is over the rate (counted, and written as one entry). */
  append(
    caller: Caller,
    batch: LogBatch,
  ): Promise<{
    readonly lastSeq: number;
    readonly accepted: number;
    readonly duplicates: number;
    readonly dropped: number;
  }>;
  /** @throws {Refused} `invalid_filter` for text without a bound. */
  search(
    ns: string,
    search: LogSearch,
    signal: AbortSignal,
  ): Promise<{ readonly rows: readonly StoredLog[]; readonly next?: bigint; readonly at: bigint }>;
}
