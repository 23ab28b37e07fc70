import type { JsonObject } from "./json.ts";

/** What a log entry is. `dropped` stands for entries that a quota refused. */
export type LogKind = "operation" | "dropped";

/** One log entry as its writer and the server made it. Absent fields are not stored. */
export interface LogRow {
  readonly kind: LogKind;
  /** What was done: a dotted lower-case name. */
  readonly operation: string;
  /** OpenTelemetry severity number, 1 to 24. */
  readonly severity: number;
  readonly message: string;
  readonly attributes?: JsonObject;
  /** The writer's clock, Unix ms; recorded, never used to decide. */
  readonly eventTimeMs?: number;
  readonly agentId?: string;
  readonly runId?: string;
  readonly taskId?: string;
  readonly stepPath?: string;
  /** 32 hex digits. */
  readonly traceId?: string;
  /** 16 hex digits. */
  readonly spanId?: string;
  /** Who wrote it, as authenticated. */
  readonly actor: string;
  /** The producer and the number of this entry there, for writers that number their entries. */
  readonly producerId?: string;
  readonly producerSeq?: number;
  /** The entry was cut to its limit. */
  readonly truncated?: true;
  /** Entries dropped, with kind `dropped`. */
  readonly dropped?: number;
}

/** A log entry in its journal. */
export interface StoredLog extends LogRow {
  readonly position: bigint;
  /** The store's clock, Unix ms. */
  readonly atMs: number;
}
