import { lookup } from "../../core/lookup.ts";
import type { NewEntry } from "../store.ts";
import { type Statements, text } from "./database.ts";

type Journal = NewEntry["journal"];

interface Head {
  position: number;
  atMs: number;
  moved: boolean;
}

/**
 * What the commits of one transaction count on: heads of the journals and the last token. Read when
 * it begins, written once before it ends.
 */
export class Counters {
  /** The clock of the transaction. */
  readonly nowMs: number;
  readonly #statements: Statements;
  readonly #heads = new Map<Journal, Head>();
  #token: number;
  readonly #tokenBefore: number;

  constructor(statements: Statements, nowMs: number) {
    this.nowMs = nowMs;
    this.#statements = statements;
    for (const row of statements.all("SELECT journal, position, at_ms FROM head")) {
      const head = { position: Number(row["position"]), atMs: Number(row["at_ms"]), moved: false };
      this.#heads.set(text(row["journal"]) as Journal, head);
    }
    this.#tokenBefore = Number(statements.get("SELECT last FROM token")?.["last"]);
    this.#token = this.#tokenBefore;
  }

  nextToken(): number {
    return ++this.#token;
  }

  /** Takes the next position of a journal. Its time never falls, even if the clock did. */
  nextPosition(journal: Journal): { readonly position: number; readonly atMs: number } {
    const head = lookup(this.#heads, journal);
    head.position++;
    head.atMs = Math.max(head.atMs, this.nowMs);
    head.moved = true;
    return { position: head.position, atMs: head.atMs };
  }

  save(): void {
    for (const [journal, { position, atMs, moved }] of this.#heads) {
      if (!moved) continue;
      const sql = "UPDATE head SET position = ?, at_ms = ? WHERE journal = ?";
      this.#statements.run(sql, position, atMs, journal);
    }
    if (this.#token !== this.#tokenBefore) {
      this.#statements.run("UPDATE token SET last = ?", this.#token);
    }
  }
}
