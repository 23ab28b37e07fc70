import type { NewEntry } from "../store.ts";
import type { Statements } from "./database.ts";

/** Entries deleted in one transaction. */
const SLICE = 1_000;

/** Raises the floor of a journal: nothing up to it is read again, whether deleted yet or not. */
export function raiseFloor(
  statements: Statements,
  journal: NewEntry["journal"],
  upTo: number,
): void {
  const sql = "UPDATE head SET floor = max(floor, min(position, ?)) WHERE journal = ?";
  statements.run(sql, upTo, journal);
}

/**
 * Deletes a slice of what is below the floor, and keeps the last hash of each chain that loses
 * entries. @returns whether there is more.
 */
export function deleteTrimmed(statements: Statements, journal: NewEntry["journal"]): boolean {
  const floor = Number(
    statements.get("SELECT floor FROM head WHERE journal = ?", journal)?.["floor"],
  );
  const sql = "SELECT min(position) AS first FROM entry WHERE journal = ?";
  const first = Number(statements.get(sql, journal)?.["first"] ?? floor + 1);
  const upTo = Math.min(floor, first + SLICE - 1);
  statements.run(
    `UPDATE chain SET floor_sequence = gone.sequence, floor_hash = gone.hash
     FROM (
       SELECT ns, kind, id, sequence, hash, max(position) FROM entry
       WHERE journal = ? AND position <= ? GROUP BY ns, kind, id
     ) gone
     WHERE chain.ns = gone.ns AND chain.kind = gone.kind AND chain.id = gone.id`,
    journal,
    upTo,
  );
  statements.run("DELETE FROM entry WHERE journal = ? AND position <= ?", journal, upTo);
  return upTo < floor;
}
