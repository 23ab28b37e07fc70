import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";

/**
 * Lets a connection write: the rows of every table but `chain`, whose hashes are links of their
 * own, end with a generated column `checksum` over the columns before it. It finds a flipped bit,
 * not an intruder.
 */
export function defineChecksum(db: DatabaseSync): void {
  db.function("row_checksum", { deterministic: true, varargs: true }, (...values) => {
    let covered = "";
    for (const value of values) covered += toText(value);
    return crc32(covered);
  });
}

/**
 * Whether a row is what was written: all columns of its table in their order, then any others.
 *
 * @param except a column with a hash of its own, which stands for it.
 */
export function isIntact(row: Readonly<Record<string, unknown>>, except?: string): boolean {
  let covered = "";
  for (const column in row) {
    if (column === "checksum") break;
    if (column !== except) covered += toText(row[column]);
  }
  return crc32(covered) === row["checksum"];
}

function toText(value: unknown): string {
  return value instanceof Uint8Array ? `${Buffer.from(value).toString("hex")}\0` : `${value}\0`;
}
