import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";
import { makeFolder } from "./given.ts";
import { startChild } from "./spawn.ts";

const KILLS = 20;
const LOAD_MS_MAX = 120;

test("killed 20 times under load, nothing acknowledged is lost and no commit is torn", async () => {
  using folder = makeFolder();
  const acknowledged = { versions: new Map<string, number>(), positions: 0n, log: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startChild("write", folder.path);
    await Promise.all([child.said("commit"), child.said("log")]);
    await new Promise((resolve) => setTimeout(resolve, (LOAD_MS_MAX * kill) / KILLS));
    child.process.kill("SIGKILL");
    await child.ended;
    for (const line of child.lines()) {
      const [what, first = "", version, position = "0"] = line.split(" ");
      if (what === "log") acknowledged.log = Number(first);
      if (what !== "commit") continue;
      acknowledged.versions.set(first, Number(version));
      if (BigInt(position) > acknowledged.positions) acknowledged.positions = BigInt(position);
    }
  }
  const store = await openSqliteStore({ path: folder.path });
  await checkEntities(store, acknowledged.versions);
  expect(await store.head("runs")).toBeGreaterThanOrEqual(acknowledged.positions);
  await checkJournal(store);
  await checkLogs(store, acknowledged.log);
  await store.close();
}, 400_000);

async function checkEntities(store: Store, versions: ReadonlyMap<string, number>): Promise<void> {
  expect(versions.size).toBe(16);
  const items = await store.claim([{ queue: "q", limit: 100 }], "me", 1_000);
  for (const [writer, version] of versions) {
    const keys = ["a", "b"].map((id) => ({ ns: "n", kind: "run", id: `${id}${writer}` }) as const);
    const [a, b] = await store.load(keys);
    expect(a?.version).toBeGreaterThanOrEqual(version);
    expect(b).toMatchObject({ version: a?.version, state: a?.state, revision: a?.version });
    expect(JSON.parse(a?.state ?? "{}").version).toBe(a?.version);
    const due = items.filter(({ key }) => keys.some(({ id }) => id === key));
    expect(due.map(({ dueAtMs }) => dueAtMs)).toEqual([a?.version, a?.version]);
  }
}

/** Dense positions, whole commits, sequences without a hole. */
async function checkJournal(store: Store): Promise<void> {
  const { entries } = await store.read("runs", 0n, 1_000_000);
  expect(entries.length).toBeGreaterThan(0);
  const sequences = new Map<string, number>();
  for (const [i, { position, id, sequence, body, ends }] of entries.entries()) {
    const next = (sequences.get(id) ?? 0) + 1;
    sequences.set(id, sequence);
    const isSecond = i % 2 === 1;
    const place = [position, sequence, body, ends, id.startsWith("b")];
    expect(place).toEqual([BigInt(i + 1), next, String(next), isSecond, isSecond]);
  }
}

async function checkLogs(store: Store, last: number): Promise<void> {
  const { entries } = await store.read("logs", 0n, 1_000_000);
  const messages = entries.map(({ body }) => Number(JSON.parse(body).message));
  expect(messages).toEqual(messages.map((_, i) => i + 1));
  expect(messages.length).toBeGreaterThanOrEqual(last);
  expect(last).toBeGreaterThan(0);
  expect(entries.map(({ position }) => position)).toEqual(entries.map((_, i) => BigInt(i + 1)));
}
