import { expect, test } from "vitest";
import { FAILPOINTS } from "../../src/failpoint.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { makeFolder } from "../store/given.ts";
import { startChild } from "../store/spawn.ts";
import { expectFirstStore, makeFirstStore } from "./first-store.ts";
import { Acknowledged, expectKept, problemsIn, readFolder } from "./kept.ts";

/** How often it dies at each point. */
const HITS = Number(process.env["OPSCORE_TEST_HITS"] ?? 1);
const POINTS = FAILPOINTS.filter((name) =>
  /^(batch|commit|claim|timers|beats|sweep|floor|trim|checkpoint|log-\w+)\./.test(name),
);
/** The schemas of the first store: control, the head of the logs, two days; and one more on the way. */
const MIGRATIONS = 4;

test("dead at each boundary within the store, nothing acknowledged is lost and no part is torn", async () => {
  using folder = makeFolder();
  const acknowledged = new Acknowledged();
  for (let hit = 1; hit <= HITS; hit++) {
    for (const [i, name] of POINTS.entries()) {
      const failpoint = `${name}:hit=${hit + (i % 3)}:kill`;
      const child = startChild("work", folder.path, { failpoint });
      await child.ended;
      expect([failpoint, child.process.signalCode]).toEqual([failpoint, "SIGKILL"]);
      for (const line of child.lines()) acknowledged.hear(line);
      expect([failpoint, ...problemsIn(folder.path)]).toEqual([failpoint]);
      await readFolder(folder.path, (store) => expectKept(store, acknowledged));
    }
  }
}, 900_000);

test.each(["migration.run", "migration.done"] as const)(
  "dead in a migration (%s), the next start goes on",
  async (name) => {
    for (let hit = 1; hit <= MIGRATIONS; hit++) {
      using folder = makeFolder();
      makeFirstStore(folder.path);
      const child = startChild("open", folder.path, { failpoint: `${name}:hit=${hit}:kill` });
      await child.ended;
      expect([hit, child.process.signalCode]).toEqual([hit, "SIGKILL"]);
      const store = await openSqliteStore({ path: folder.path });
      await expectFirstStore(store);
      await store.close();
      expect(problemsIn(folder.path)).toEqual([]);
    }
  },
  60_000,
);
