import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { verifyFolder } from "../../src/store/sqlite/verify.ts";
import { makeFolder, put, run } from "../store/given.ts";
import { expectFirstStore, makeFirstStore } from "./first-store.ts";

test("a store of the first version is brought to this one, days that are over included", async () => {
  using folder = makeFolder();
  makeFirstStore(folder.path);
  const store = await openSqliteStore({ path: folder.path });
  await expectFirstStore(store);
  await store.commit(put(run("r", "n"), { version: 1, says: ["4"] }));
  await store.close();
  expect([...verifyFolder(folder.path)].filter(({ type }) => type === "problem")).toEqual([]);
});
