import { writeSync } from "node:fs";
import { isRefused } from "../../src/core/errors.ts";
import { arm, parseFailpoint } from "../../src/failpoint.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Commit, EntityKey, Store } from "../../src/store/store.ts";
import { StoreUnusable } from "../../src/store/unusable.ts";

/** A process with a store, for tests that need one: `child.ts open|write|fill|work FOLDER [FAILPOINT]`. */
const [mode, path = "", dies = ""] = process.argv.slice(2);
const WRITERS = 16;

let aheadMs = 0;
/** The last number of a producer whose rows are only queued. */
let queued = -1;
const DAY_MS = 86_400_000;

try {
  arm(parseFailpoint(dies));
  const now = (): number => Date.now() + aheadMs;
  const store = await openSqliteStore({ path, now, onFatal: () => say("fatal") });
  say("open");
  if (mode === "work") await work(store);
  if (mode === "write") await Promise.all([writeLogs(store), ...writers(store)]);
  if (mode === "fill") await fill(store);
  await store.close();
} catch (error) {
  say(error instanceof StoreUnusable ? `unusable ${error.message}` : `error ${String(error)}`);
  // Whatever is still open: its threads would keep it alive.
  process.exit(1);
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

/** A row that is answered before it is on disk; its numbers go on where the last process was heard. */
async function queueLog(store: Store): Promise<number> {
  const producer = { principal: "p", id: "q", firstSeq: queued + 1 };
  if (queued === -1) {
    ({ lastSeq: queued } = await store.appendLogs({ ns: "n", producer, rows: [] }, "committed"));
  }
  const row = { kind: "operation", operation: "a.queued", severity: 9, actor: "p" } as const;
  const rows = [{ ...row, message: String(++queued) }];
  await store.appendLogs({ ns: "n", producer: { ...producer, firstSeq: queued }, rows }, "queued");
  return queued;
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

/** Does some of everything that a store can do, day after day, and rests in between. */
async function work(store: Store): Promise<void> {
  const pair = ["a0", "b0"].map((id) => ({ ns: "n", kind: "run", id }) as const);
  const session = { ns: "n", agentId: "x", sessionEpoch: 1, leaseMs: 1 };
  // Its clock goes on from the days before.
  aheadMs = store.nowMs() - Date.now();
  for (let day = 0; ; day++) {
    for (let n = 0; n < 10; n++) {
      const version = (await store.load(pair))[0]?.version ?? 0;
      const timer = { queue: "sys/timer", key: "t", dueAtMs: store.nowMs() + 1 };
      const commit = pairOf(pair, version);
      const due = [...(commit.due ?? []), timer];
      const { entries } = await store.commit({ ...commit, due, sessions: [session] });
      say(`commit 0 ${version + 1} ${entries[1]?.position}`);
      const { lastSeq } = await appendLog(store, { principal: "p", id: "i", firstSeq: 0 }, []);
      const numbers = Array.from({ length: n + 1 }, (_, i) => lastSeq + 1 + i);
      const sent = await appendLog(
        store,
        { principal: "p", id: "i", firstSeq: lastSeq + 1 },
        numbers,
      );
      say(`log ${sent.lastSeq}`);
      const at = await queueLog(store);
      say(`queued ${at}`);
      await store.extend([{ key: "t", dueAtMs: store.nowMs() }]);
      await store.beat([session]);
      await store.due({ limit: 100, expireLeases: true });
      await store.claim([{ queue: "q", limit: 1 }], "me", 1);
    }
    for (const journal of ["runs", "logs"] as const) {
      await store.trim(journal, (await store.head(journal)) - 12n);
    }
    // The writer looks after its files when nothing was written for a while.
    if (day % 3 === 2) await new Promise((resolve) => setTimeout(resolve, 1_500));
    aheadMs += DAY_MS;
  }
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
