import type { DatabaseSync } from "node:sqlite";
import { Refused } from "../../core/errors.ts";
import { failpoint } from "../../failpoint.ts";
import type { NewEntry, Reserved, SessionLease } from "../store.ts";
import { applyCommit, type Written } from "./commit.ts";
import { Counters } from "./counters.ts";
import { isFatal, isFull, Statements } from "./database.ts";
import { claim, extend } from "./due.ts";
import { type FlatCommit, fromFlat } from "./flat-commit.ts";
import { type PlainError, toPlain } from "./plain-error.ts";
import { beat, type Swept, sweep } from "./sweep.ts";
import { deleteTrimmed, raiseFloor } from "./trim.ts";

/** The writer checkpoints when nothing was written for this long. */
const IDLE_MS = 1_000;

/** Everything that writes control data. */
export interface Operations {
  commit(commit: FlatCommit): Written;
  claim(
    wants: readonly { readonly queue: string; readonly limit: number }[],
    owner: string,
    forMs: number,
  ): readonly Reserved[];
  extend(timers: readonly { readonly key: string; readonly dueAtMs: number }[]): readonly boolean[];
  sweep(options: { readonly limit: number; readonly expireLeases: boolean }): Swept;
  beat(beats: readonly SessionLease[]): readonly boolean[];
  raiseFloor(journal: NewEntry["journal"], upTo: number): void;
  deleteTrimmed(journal: NewEntry["journal"]): boolean;
}

/** A call of one of them, as data. */
export type Operation = {
  [K in keyof Operations]: readonly [name: K, ...args: Parameters<Operations[K]>];
}[keyof Operations];

const WRITTEN = {
  claim: "claim.written",
  extend: "timers.moved",
  sweep: "sweep.written",
  beat: "beats.written",
  raiseFloor: "floor.raised",
  deleteTrimmed: "trim.deleted",
} as const;

export type PlainOutcome = { readonly value: unknown } | { readonly error: PlainError };

/** Owns the only connection that writes control data. */
export class Writer {
  readonly #statements: Statements;
  #idle: NodeJS.Timeout | undefined;

  constructor(db: DatabaseSync) {
    this.#statements = new Statements(db);
  }

  /**
   * Carries out a batch in one transaction. A refused operation leaves the others alone; after any
   * other error each is tried by itself.
   *
   * @throws when the file fails: what was written is then unknown.
   */
  execute(nowMs: number, operations: readonly Operation[]): readonly PlainOutcome[] {
    try {
      const carriedOut = this.#transact(nowMs, operations);
      failpoint("batch.committed");
      return carriedOut;
    } catch (error) {
      if (isFatal(error)) throw error;
      const full = isFull(error) ? new Refused({ code: "store_full" }) : error;
      if (operations.length === 1) return [{ error: toPlain(full) }];
      return operations.flatMap((operation) => this.execute(nowMs, [operation]));
    } finally {
      this.#checkpointWhenIdle();
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#statements.db.close();
  }

  #transact(nowMs: number, operations: readonly Operation[]): readonly PlainOutcome[] {
    return this.#statements.transaction(() => {
      const counters = new Counters(this.#statements, nowMs);
      failpoint("batch.begun");
      const carriedOut = operations.map((operation): PlainOutcome => {
        try {
          const value = this.#apply(counters, operation);
          if (operation[0] !== "commit") failpoint(WRITTEN[operation[0]]);
          return { value };
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          return { error: toPlain(error) };
        }
      });
      counters.save();
      failpoint("batch.written");
      return carriedOut;
    });
  }

  #apply(counters: Counters, operation: Operation): ReturnType<Operations[keyof Operations]> {
    const statements = this.#statements;
    switch (operation[0]) {
      case "commit":
        return applyCommit(statements, counters, fromFlat(operation[1]));
      case "claim":
        return claim(statements, counters, operation[1], operation[2], operation[3]);
      case "extend":
        return extend(statements, counters, operation[1]);
      case "sweep":
        return sweep(statements, counters, operation[1]);
      case "beat":
        return beat(statements, counters, operation[1]);
      case "raiseFloor":
        return raiseFloor(statements, operation[1], operation[2]);
      case "deleteTrimmed":
        return deleteTrimmed(statements, operation[1]);
    }
  }

  #checkpointWhenIdle(): void {
    this.#idle ??= setTimeout(() => this.#checkpoint(), IDLE_MS).unref();
    this.#idle.refresh();
  }

  #checkpoint(): void {
    this.#idle = undefined;
    try {
      failpoint("checkpoint.begun");
      this.#statements.db.exec("PRAGMA wal_checkpoint(PASSIVE)");
      failpoint("checkpoint.done");
    } catch (error) {
      // What is committed stays in the log, which is found again.
      if (!isFull(error)) throw error;
    }
  }
}
