import { createClock } from "../clock.ts";
import { Doorbell } from "../doorbell.ts";
import type { Store } from "../store.ts";
import { openFolder, openMemory } from "./parts.ts";
import { journalBell, SqliteStore } from "./sqlite-store.ts";

/** What the store says to the server's own log. */
export interface StoreLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SqliteOptions {
  /** A folder, made if there is none, or `:memory:`. */
  readonly path: string;
  /** Instead of the machine's clock, Unix ms. */
  readonly now?: () => number;
  /** How long a waiter can be wrong if its bell got lost. Default 500. */
  readonly pollMs?: number;
  /** Pages of 4 KiB that no file grows beyond, as on a full disk. */
  readonly pagesMax?: number;
  /** The files failed under the store: what was written last is unknown, the process must end. */
  readonly onFatal?: (error: Error) => void;
  readonly logger?: StoreLogger;
}

const POLL_MS = 500;

/**
 * Opens a store in SQLite files, for this process alone. Everything acknowledged is on disk
 * (write-ahead log, synchronous = FULL), except log rows that were asked to be only queued.
 *
 * @throws {StoreUnusable} in one line, if the data cannot be used as they are.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const { path, now, pollMs = POLL_MS, pagesMax, logger } = options;
  const bell = new Doorbell();
  const { promise: opened, resolve } = Promise.withResolvers<SqliteStore>();
  const wanted = {
    pagesMax,
    onLogs: () => bell.ring(journalBell("logs")),
    onDeath: (error: Error) => void opened.then((store) => store.fail(error)),
  };
  const parts = path === ":memory:" ? openMemory(wanted) : await openFolder(path, wanted);
  const clock = createClock(now, parts.knownMs);
  const onFatal = (error: Error): void => {
    logger?.error({ err: error }, "the store failed");
    options.onFatal?.(error);
  };
  const store = new SqliteStore({ parts, clock, bell, pollMs, onFatal });
  resolve(store);
  logger?.info({ path, storeId: store.storeId }, "store opened");
  return store;
}
