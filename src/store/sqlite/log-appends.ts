import { Refused } from "../../core/errors.ts";
import type { LogRow } from "../../core/log.ts";
import type { Store } from "../store.ts";
import type { LogAnswer, RowText } from "./log-writer.ts";
import type { LogsApi } from "./roles.ts";
import type { Remote } from "./thread.ts";

/** What may wait for an answer. */
const ROWS_MAX = 50_000;
const CHARACTERS_MAX = 64 * 1024 * 1024;
const RETRY_AFTER_MS = 500;

export type LogBatch = Parameters<Store["appendLogs"]>[0];

/** Hands rows to the writer of logs, as long as it keeps up. */
export class LogAppends {
  readonly #logs: Remote<LogsApi>;
  #rows = 0;
  #characters = 0;

  constructor(logs: Remote<LogsApi>) {
    this.#logs = logs;
  }

  /** @throws {Refused} `overloaded`, `store_full`. */
  async append(nowMs: number, batch: LogBatch, committed: boolean): Promise<LogAnswer> {
    const rows = batch.rows.map(toRowText);
    const characters = rows.reduce((sum, [body]) => sum + body.length, 0);
    if (this.#rows + rows.length > ROWS_MAX || this.#characters + characters > CHARACTERS_MAX) {
      throw new Refused({ code: "overloaded", retryAfterMs: RETRY_AFTER_MS });
    }
    this.#rows += rows.length;
    this.#characters += characters;
    try {
      return await this.#logs.call("append", nowMs, { ...batch, rows }, committed);
    } finally {
      this.#rows -= rows.length;
      this.#characters -= characters;
    }
  }
}

function toRowText(row: LogRow): RowText {
  const { agentId = null, runId = null, taskId = null, traceId = null } = row;
  return [JSON.stringify(row), agentId, runId, taskId, traceId];
}
