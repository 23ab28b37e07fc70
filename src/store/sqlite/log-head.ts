import { failpoint } from "../../failpoint.ts";
import { type Statements, text } from "./database.ts";
import type { Day, LogFiles } from "./log-files.ts";

/** A day whose rows are known to the head. */
export interface KnownDay extends Day {
  readonly last: number;
}

export interface LogHead {
  readonly position: number;
  readonly atMs: number;
  readonly floor: number;
  /** Oldest first. */
  readonly days: readonly KnownDay[];
}

export function findLogHead(head: Statements): LogHead {
  return head.snapshot(() => {
    const row = head.get("SELECT position, at_ms, floor FROM head");
    const position = Number(row?.["position"]);
    const days = head.all("SELECT day, first_position FROM day ORDER BY first_position DESC");
    let next = position + 1;
    const known = days.map((day) => {
      const first = Number(day["first_position"]);
      const last = next - 1;
      next = first;
      return { name: text(day["day"]), first, last };
    });
    const [atMs, floor] = [Number(row?.["at_ms"]), Number(row?.["floor"])];
    return { position, atMs, floor, days: known.reverse() };
  });
}

/**
 * Makes the rows visible that were written to a day after the head: their positions, and the
 * numbers of their producers. After a crash in between it is the same thing to do.
 */
export function advanceHead(files: LogFiles, day: Day): void {
  const { head } = files;
  const before = findLogHead(head).position;
  const rows = files.day(day);
  const sql = `
    SELECT min(position) AS first, max(position) AS last, max(at_ms) AS at_ms
    FROM log WHERE position > ?`;
  const found = rows?.get(sql, before);
  if (rows === undefined || typeof found?.["last"] !== "number") return;
  const last = found["last"];
  const producers = rows.all(
    `SELECT ns, principal, producer_id, max(producer_seq) AS last_seq, max(position) AS position
     FROM log WHERE position > ? AND producer_id IS NOT NULL GROUP BY ns, principal, producer_id`,
    before,
  );
  head.transaction(() => {
    const sql = "INSERT OR IGNORE INTO day VALUES (?, ?)";
    head.run(sql, day.name, Number(found["first"]));
    for (const row of producers) {
      head.run(
        `INSERT INTO producer VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
         SET last_seq = max(last_seq, excluded.last_seq), position = excluded.position`,
        ...[text(row["ns"]), text(row["principal"]), text(row["producer_id"])],
        ...[Number(row["last_seq"]), Number(row["position"])],
      );
    }
    const advance = "UPDATE head SET position = ?, at_ms = max(at_ms, ?)";
    head.run(advance, last, Number(found["at_ms"]));
    failpoint("log-head.written");
  });
  failpoint("log-head.committed");
}

/** Raises the floor, forgets days and producers below it, then removes their files. */
export function trimLogs(files: LogFiles, upTo: number): void {
  const { head } = files;
  const { position, floor: before, days } = findLogHead(head);
  const floor = Math.max(before, Math.min(upTo, position));
  const gone = days.filter(({ last }) => last <= floor);
  head.transaction(() => {
    head.run("UPDATE head SET floor = ?", floor);
    for (const { name } of gone) head.run("DELETE FROM day WHERE day = ?", name);
    head.run("DELETE FROM producer WHERE position <= ?", floor);
  });
  failpoint("log-floor.raised");
  for (const { name } of gone) files.remove(name);
}

/**
 * Makes the head agree with the files after a crash, or after somebody removed files: rows that
 * became visible to nobody are found, and what is missing is below the floor, never just skipped.
 */
export function repairHead(files: LogFiles): void {
  const { days, floor } = findLogHead(files.head);
  const names = new Set(files.names());
  const missing = days.filter(({ name, first }) => !names.has(name) && !files.day({ name, first }));
  const lost = Math.max(0, ...missing.map(({ last }) => last));
  if (lost > 0) trimLogs(files, lost);

  const known = new Map(days.map((day) => [day.name, day]));
  const newest = days.at(-1)?.name ?? "";
  for (const name of names) {
    const first = known.get(name)?.first;
    if (first === undefined) adopt(files, name, Math.max(floor, lost));
    else if (name === newest) advanceHead(files, { name, first });
  }
}

/** Takes a file in that the head does not know, or removes it if a trim was cut short. */
function adopt(files: LogFiles, name: string, floor: number): void {
  const found = files
    .day({ name, first: 0 })
    ?.get("SELECT min(position) AS first, max(position) AS last FROM log");
  const [first, last] = [Number(found?.["first"] ?? 0), Number(found?.["last"] ?? 0)];
  if (last <= floor) {
    files.remove(name);
    return;
  }
  files.head.run("INSERT OR IGNORE INTO day VALUES (?, ?)", name, first);
  advanceHead(files, { name, first });
}
