import { join } from "node:path";
import { armedFailpoint } from "../../failpoint.ts";
import { StoreUnusable } from "../unusable.ts";
import { openReader, openWriter, requireSqlite, Statements, text, usable } from "./database.ts";
import { lockFolder } from "./lock.ts";
import { LogFiles } from "./log-files.ts";
import { findLogHead, repairHead } from "./log-head.ts";
import { LogWriter } from "./log-writer.ts";
import { migrate } from "./migrate.ts";
import {
  type LogsApi,
  type ReaderApi,
  type ThreadData,
  toLogsApi,
  toReaderApi,
  toWriterApi,
  type WriterApi,
} from "./roles.ts";
import { type Api, inline, lazily, type Remote, startThread } from "./thread.ts";
import { Writer } from "./writer.ts";

/** What a store is made of: threads that write and search, and connections that read here. */
export interface Parts {
  readonly storeId: string;
  /** The latest time in its journals. */
  readonly knownMs: number;
  readonly writer: Remote<WriterApi>;
  readonly reader: Remote<ReaderApi>;
  readonly logs: Remote<LogsApi>;
  /** Reads of control data and of logs by position, in this thread: each is short. */
  readonly control: Statements;
  readonly logFiles: LogFiles;
  close(): Promise<void>;
}

export interface PartsOptions {
  readonly pagesMax?: number | undefined;
  /** Log rows became visible. */
  readonly onLogs: () => void;
  /** A thread ended by itself. */
  readonly onDeath: (error: Error) => void;
}

/** The oldest format of stored data that this version understands, and writes. */
const FORMAT = 1;
/** Threads run this from source and from a build. */
const THREAD = new URL(`./store-thread${import.meta.url.slice(-3)}`, import.meta.url);

/** Everything in this thread, gone with the process. */
export function openMemory({ pagesMax, onLogs }: PartsOptions): Parts {
  requireSqlite();
  const db = openWriter(":memory:", { pagesMax });
  migrate(db, "control", ":memory:");
  const control = new Statements(db);
  const logFiles = new LogFiles({ readOnly: false, pagesMax });
  const writer = inline(toWriterApi(new Writer(db)));
  const reader = inline(toReaderApi(control, logFiles));
  const logs = inline(toLogsApi(new LogWriter(logFiles, onLogs)));
  const close = async (): Promise<void> => {
    await logs.close();
    await writer.close();
  };
  return { ...identify(control, logFiles), writer, reader, logs, control, logFiles, close };
}

/** A folder, for this process alone. @throws {StoreUnusable} */
export async function openFolder(folder: string, options: PartsOptions): Promise<Parts> {
  requireSqlite();
  await using opened = new AsyncDisposableStack();
  opened.defer(prepareFolder(folder));
  const path = join(folder, "ops.db");

  const start = <A extends Api>(role: ThreadData["role"]): Promise<Remote<A>> => {
    const data: ThreadData = {
      role,
      folder,
      pagesMax: options.pagesMax,
      failpoint: armedFailpoint(),
    };
    const { onLogs: onNotice, onDeath } = options;
    return startThread<A>({ url: THREAD, data, onNotice, onDeath });
  };
  const writer = await start<WriterApi>("writer");
  opened.defer(() => writer.close());
  const logs = lazily(() => start<LogsApi>("logs"));
  opened.defer(() => logs.close());
  const reader = lazily(() => start<ReaderApi>("reader"));
  opened.defer(() => reader.close());
  const control = new Statements(openReader(path));
  opened.defer(() => control.db.close());
  const logFiles = new LogFiles({ folder: join(folder, "logs"), readOnly: true });
  opened.defer(() => logFiles.close());

  const all = opened.move();
  const close = (): Promise<void> => all.disposeAsync();
  return { ...identify(control, logFiles), writer, reader, logs, control, logFiles, close };
}

/**
 * Takes a folder for this process and brings what is in it to this version, and to rights after a
 * crash. @returns what gives it back.
 */
export function prepareFolder(folder: string): () => void {
  using prepared = new DisposableStack();
  const unlock = lockFolder(folder);
  prepared.defer(unlock);
  prepareControl(join(folder, "ops.db"));
  prepareLogs(join(folder, "logs"));
  prepared.move();
  return unlock;
}

function prepareControl(path: string): void {
  const db = usable(path, () => openWriter(path));
  try {
    migrate(db, "control", path);
    const statements = new Statements(db);
    const row = statements.get("SELECT value FROM meta WHERE key = 'min_app'");
    if (Number(row?.["value"]) > FORMAT) {
      throw new StoreUnusable(`${path} was written by a newer version`);
    }
  } finally {
    db.close();
  }
}

function prepareLogs(folder: string): void {
  const files = new LogFiles({ folder, readOnly: false });
  try {
    // Readers do not migrate: every day is opened for writing once.
    for (const name of files.names()) files.day({ name, first: 0 });
    repairHead(files);
  } finally {
    files.close();
  }
}

function identify(control: Statements, logFiles: LogFiles) {
  const row = control.get("SELECT value FROM meta WHERE key = 'store_id'");
  const times = control.all("SELECT at_ms FROM head").map((head) => Number(head["at_ms"]));
  const knownMs = Math.max(findLogHead(logFiles.head).atMs, ...times);
  return { storeId: text(row?.["value"]), knownMs };
}
