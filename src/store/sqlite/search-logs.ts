import type { LogRow, StoredLog } from "../../core/log.ts";
import type { LogPage, LogQuery } from "../store.ts";
import type { LogFiles } from "./log-files.ts";
import { findLogHead } from "./log-head.ts";
import { logPositionBefore } from "./log-reads.ts";
import type { Searched } from "./log-search.ts";
import type { ReaderApi } from "./roles.ts";
import type { Remote } from "./thread.ts";

/** Rows looked at before the caller is asked again whether it still wants them. */
const SLICE = 1_000;

/** Searches slice by slice in the reader's thread. @throws the reason of `signal`. */
export async function searchLogs(
  files: LogFiles,
  reader: Remote<ReaderApi>,
  { fromMs, toMs, after, scan, limit, ...query }: LogQuery,
  signal: AbortSignal,
): Promise<LogPage> {
  signal.throwIfAborted();
  const newest = query.order === "newest";
  const { position: at, floor } = findLogHead(files.head);
  // Times never fall along a journal: a window of time is a window of positions.
  let low = Math.max(floor, fromMs === undefined ? 0 : logPositionBefore(files, fromMs));
  let high = toMs === undefined ? at : Math.min(at, logPositionBefore(files, toMs));
  if (after !== undefined && newest) high = Math.min(high, Number(after) - 1);
  else if (after !== undefined) low = Math.max(low, Number(after));

  const rows: StoredLog[] = [];
  for (let examined = 0; low < high && rows.length < limit && examined < scan; ) {
    const examine = Math.min(SLICE, scan - examined);
    const slice = { ...query, low, high, examine, limit: limit - rows.length };
    const found = await reader.call("search", slice);
    signal.throwIfAborted();
    rows.push(...found.rows.map(toStored));
    examined += found.examined;
    if (newest) high = found.rest;
    else low = found.rest;
  }
  const next = newest ? high + 1 : low;
  return { rows, ...(low < high && { next: BigInt(next) }), at: BigInt(at) };
}

function toStored([position, atMs, body]: Searched["rows"][number]): StoredLog {
  return { ...(JSON.parse(body) as LogRow), position: BigInt(position), atMs };
}
