import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { failpoint } from "../../failpoint.ts";
import { openReader, openWriter, Statements, usable, type WriterOptions } from "./database.ts";
import { makeFolder } from "./folder.ts";
import { migrate } from "./migrate.ts";

/** A UTC day of arrival and the positions of its rows. */
export interface Day {
  /** YYYY-MM-DD. */
  readonly name: string;
  readonly first: number;
}

export interface LogFilesOptions extends WriterOptions {
  /** Absent: in memory, in one object for writer and readers. */
  readonly folder?: string | undefined;
  readonly readOnly: boolean;
}

/** Day files kept open; a search through months opens each in turn. */
const OPEN_MAX = 4;
export const DAY_FILE = /^(\d{4}-\d\d-\d\d)\.db$/;

/** The files of the logs: one for each day, and `head`, which outlives them. */
export class LogFiles {
  readonly head: Statements;
  readonly #options: LogFilesOptions;
  /** By day and first position: a day that was removed and begun again is another file. */
  readonly #open = new Map<string, Statements>();

  constructor(options: LogFilesOptions) {
    this.#options = options;
    const { folder, readOnly } = options;
    if (folder !== undefined && !readOnly) makeFolder(folder);
    const path = this.#path("head");
    this.head = usable(path, () => this.#connect(path));
    if (!readOnly) migrate(this.head.db, "log-head", path);
  }

  /** The rows of a day; `undefined` if its file is gone. */
  day(day: Day): Statements | undefined {
    const key = `${day.name} ${day.first}`;
    const open = this.#open.get(key) ?? this.#openExisting(day.name);
    if (open === undefined) return undefined;
    this.#keep(key, open);
    return open;
  }

  /** Makes the file of a day if there is none. */
  create(day: Day): Statements {
    const found = this.day(day);
    if (found !== undefined) return found;
    const path = this.#path(day.name);
    const made = this.#connect(path);
    failpoint("log-day.created");
    migrate(made.db, "log-day", path);
    this.#keep(`${day.name} ${day.first}`, made);
    return made;
  }

  /** The days that have a file, oldest first. */
  names(): readonly string[] {
    const { folder } = this.#options;
    const files = folder === undefined ? [] : readdirSync(folder);
    return files.flatMap((file) => DAY_FILE.exec(file)?.[1] ?? []).sort();
  }

  remove(name: string): void {
    for (const [key, statements] of this.#open) {
      if (!key.startsWith(`${name} `)) continue;
      statements.db.close();
      this.#open.delete(key);
    }
    if (this.#options.folder === undefined) return;
    for (const end of ["", "-wal", "-shm"]) rmSync(`${this.#path(name)}${end}`, { force: true });
    failpoint("log-day.removed");
  }

  close(): void {
    for (const { db } of this.#open.values()) db.close();
    this.#open.clear();
    this.head.db.close();
  }

  #openExisting(name: string): Statements | undefined {
    const path = this.#path(name);
    if (this.#options.folder === undefined || !existsSync(path)) return undefined;
    return usable(path, () => {
      const opened = this.#connect(path);
      if (!this.#options.readOnly) migrate(opened.db, "log-day", path);
      return opened;
    });
  }

  #connect(path: string): Statements {
    const { readOnly, pagesMax } = this.#options;
    return new Statements(readOnly ? openReader(path) : openWriter(path, { pagesMax }));
  }

  #keep(key: string, statements: Statements): void {
    this.#open.delete(key);
    this.#open.set(key, statements);
    if (this.#options.folder === undefined || this.#open.size <= OPEN_MAX) return;
    for (const [oldest, { db }] of this.#open) {
      db.close();
      this.#open.delete(oldest);
      return;
    }
  }

  #path(name: string): string {
    const { folder } = this.#options;
    return folder === undefined ? ":memory:" : join(folder, `${name}.db`);
  }
}
