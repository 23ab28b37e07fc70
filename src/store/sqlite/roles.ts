import type { Failpoint } from "../../failpoint.ts";
import type { Entity, ListQuery } from "../store.ts";
import type { Statements } from "./database.ts";
import { list } from "./entities.ts";
import { findHead } from "./journals.ts";
import type { LogFiles } from "./log-files.ts";
import { findLogHead } from "./log-head.ts";
import { type Searched, type SearchSlice, searchSlice } from "./log-search.ts";
import type { LogAnswer, LogAppend, LogWriter } from "./log-writer.ts";
import type { Api } from "./thread.ts";
import type { Operation, PlainOutcome, Writer } from "./writer.ts";

/** What a thread of the store is for. In memory, the same functions are called without a thread. */
export interface ThreadData {
  readonly role: "writer" | "reader" | "logs";
  readonly folder: string;
  readonly pagesMax?: number | undefined;
  readonly failpoint?: Failpoint | undefined;
}

export interface WriterApi extends Api {
  readonly execute: (nowMs: number, operations: readonly Operation[]) => readonly PlainOutcome[];
}

export interface ReaderApi extends Api {
  readonly list: (query: ListQuery) => {
    readonly entities: readonly Entity[];
    readonly at: number;
  };
  readonly search: (slice: SearchSlice) => Searched;
}

export interface LogsApi extends Api {
  readonly append: (nowMs: number, append: LogAppend, committed: boolean) => Promise<LogAnswer>;
  readonly trim: (upTo: number) => void;
}

export function toWriterApi(writer: Writer): WriterApi {
  return {
    execute: (nowMs, operations) => writer.execute(nowMs, operations),
    close: () => writer.close(),
  };
}

/** Reads that can take long. */
export function toReaderApi(statements: Statements, files: LogFiles): ReaderApi {
  return {
    list: (query) => listAt(statements, files, query),
    search: (slice) => searchSlice(files, slice),
    close() {
      statements.db.close();
      files.close();
    },
  };
}

export function toLogsApi(writer: LogWriter): LogsApi {
  return {
    append: (nowMs, append, committed) => writer.append(nowMs, append, committed),
    trim: (upTo) => writer.trim(upTo),
    close: () => writer.close(),
  };
}

/** The head is of the same instant as the page, or earlier: who follows from it misses nothing. */
function listAt(statements: Statements, files: LogFiles, query: ListQuery) {
  const { journal } = query;
  const logsAt = journal === "logs" ? findLogHead(files.head).position : 0;
  return statements.snapshot(() => {
    const at =
      journal === undefined || journal === "logs" ? logsAt : findHead(statements, journal).position;
    return { entities: list(statements, query), at };
  });
}
