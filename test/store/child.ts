import { writeSync } from "node:fs";
import { isRefused } from "../../src/core/errors.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Commit, EntityKey, Store } from "../../src/store/store.ts";
import { StoreUnusable } from "../../src/store/unusable.ts";

/** A process with a store, for tests that need one: `child.ts open|write|fill FOLDER`. */
const [mode, path = ""] = process.argv.slice(2);
const WRITERS = 16;

try {
  const store = await openSqliteStore({ path, onFatal: () => say("fatal") });
  say("open");
  if (mode === "write") await Promise.all([writeLogs(store), ...writers(store)]);
  if (mode === "fill") await fill(store);
  await store.close();
} catch (error) {
  say(error instanceof StoreUnusable ? `unusable ${error.message}` : `error ${String(error)}`);
  process.exitCode = 1;
}

/** A line that is out before anything else happens: it may be the last thing this process does. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      // The pipe is full until its reader comes to it.
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
    }
  }
}

function writers(store: Store): readonly Promise<void>[] {
  return Array.from({ length: WRITERS }, (_, writer) => write(store, writer));
}

/** Writes pairs of entities that always have the same version and the same state. */
async function write(store: Store, writer: number): Promise<void> {
  const pair = ["a", "b"].map((id) => ({ ns: "n", kind: "run", id: `${id}${writer}` }) as const);
  const [known] = await store.load(pair);
  for (let version = known?.version ?? 0; ; version++) {
    const { entries } = await store.commit(pairOf(pair, version));
    say(`commit ${writer} ${version + 1} ${entries[0]?.position}`);
  }
}

function pairOf(pair: readonly EntityKey[], version: number): Commit {
  const state = JSON.stringify({ version: version + 1, filler: "x".repeat(500) });
  return {
    expect: pair.map((key) => ({ ...key, version })),
    put: pair.map((key) => ({ ...key, status: "running", state })),
    entries: pair.map((key) => ({ journal: "runs", ...key, body: String(version + 1) })),
    due: pair.map(({ id }) => ({ queue: "q", key: id, dueAtMs: version + 1 })),
  };
}

async function writeLogs(store: Store): Promise<void> {
  const producer = { principal: "p", id: "i" };
  let { lastSeq } = await appendLog(store, { ...producer, firstSeq: 0 }, []);
  for (;;) {
    ({ lastSeq } = await appendLog(store, { ...producer, firstSeq: lastSeq + 1 }, [lastSeq + 1]));
    say(`log ${lastSeq}`);
  }
}

function appendLog(
  store: Store,
  producer: { readonly principal: string; readonly id: string; readonly firstSeq: number },
  numbers: readonly number[],
) {
  const rows = numbers.map((n) => ({
    ...({ kind: "operation", operation: "a.b", severity: 9, actor: "p" } as const),
    message: String(n),
  }));
  return store.appendLogs({ ns: "n", producer, rows }, "committed");
}

/** Writes until the files cannot grow; then says what everybody else was told. */
async function fill(store: Store): Promise<void> {
  const key = { ns: "n", kind: "run", id: "r" } as const;
  for (let version = 0; ; version++) {
    const state = JSON.stringify("x".repeat(50_000));
    const commit: Commit = {
      expect: [{ ...key, version }],
      put: [{ ...key, id: "r", status: "running", state }],
    };
    try {
      await store.commit(commit);
    } catch (error) {
      say(`refused ${isRefused(error, "store_unavailable")}`);
      const after = await store.load([key]).catch((reason: unknown) => reason);
      say(`refused ${isRefused(after, "store_unavailable")}`);
      return;
    }
  }
}
