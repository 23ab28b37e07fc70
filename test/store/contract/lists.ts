import { expect, test } from "vitest";
import type { Entity, ListQuery } from "../../../src/store/store.ts";
import { both, type Given, put, run, task } from "../given.ts";

export function describeLists(given: Given): void {
  const ids = (entities: readonly Entity[]): readonly string[] => entities.map(({ id }) => id);

  async function pages(query: Omit<ListQuery, "limit" | "after">, limit: number) {
    const found: Entity[] = [];
    for (;;) {
      const last = found.at(-1);
      const after = last && { ns: last.ns, id: last.id, createdMs: last.createdMs };
      const page = await given.store.list({ ...query, limit, ...(after && { after }) });
      found.push(...page.entities);
      if (page.entities.length < limit) return found;
    }
  }

  test("pages show everything once, in each order", async () => {
    for (const id of ["d", "a", "c"]) {
      await given.store.commit(put(run(id)));
      given.nowMs += 1;
    }
    // At one time: the id decides.
    await given.store.commit(both(put(run("e")), put(run("b"))));
    await given.store.commit(put(task("not a run")));
    const query = { ns: "default", kind: "run" } as const;
    for (const limit of [1, 2, 5]) {
      expect(ids(await pages({ ...query, order: "id" }, limit))).toEqual([..."abcde"]);
      expect(ids(await pages({ ...query, order: "oldest" }, limit))).toEqual([..."dacbe"]);
      expect(ids(await pages({ ...query, order: "newest" }, limit))).toEqual([..."ebcad"]);
    }
  });

  test("by status and parent, in each order", async () => {
    const states = ["open", "done", "open", "lost", "open"];
    for (const [n, status] of states.entries()) {
      await given.store.commit(put(task(`t${n}`), { status, parent: n < 3 ? "p" : "q" }));
      given.nowMs += 1;
    }
    const query = { ns: "default", kind: "task" } as const;
    for (const limit of [1, 2, 10]) {
      const of = async (filter: Partial<ListQuery>) =>
        ids(await pages({ ...query, order: "newest", ...filter }, limit));
      expect(await of({ status: ["open"] })).toEqual(["t4", "t2", "t0"]);
      expect(await of({ status: ["lost", "open"] })).toEqual(["t4", "t3", "t2", "t0"]);
      expect(await of({ status: ["lost", "done"], order: "oldest" })).toEqual(["t1", "t3"]);
      expect(await of({ status: ["open"], order: "id" })).toEqual(["t0", "t2", "t4"]);
      expect(await of({ parent: "p" })).toEqual(["t2", "t1", "t0"]);
      expect(await of({ parent: "p", status: ["open"], order: "id" })).toEqual(["t0", "t2"]);
      expect(await of({ status: [] })).toEqual([]);
    }
  });

  test("across namespaces, each once", async () => {
    for (const [id, ns] of [
      ["a", "n2"],
      ["b", "n1"],
      ["a", "n1"],
    ] as const) {
      await given.store.commit(put(run(id, ns)));
      given.nowMs += 1;
    }
    const names = async (order: ListQuery["order"], status?: readonly string[]) => {
      const found = await pages({ kind: "run", order, ...(status && { status }) }, 1);
      return found.map(({ ns, id }) => `${ns}/${id}`);
    };
    expect(await names("id")).toEqual(["n1/a", "n1/b", "n2/a"]);
    expect(await names("oldest")).toEqual(["n2/a", "n1/b", "n1/a"]);
    expect(await names("newest", ["running"])).toEqual(["n1/a", "n1/b", "n2/a"]);
  });

  test("says where the journal was: who follows from there misses nothing", async () => {
    await given.store.commit(put(run("a"), { says: ["1"] }));
    const query = { ns: "default", kind: "run", order: "id", limit: 10 } as const;
    expect((await given.store.list({ ...query, journal: "runs" })).at).toBe(1n);
    expect((await given.store.list({ ...query, journal: "agents" })).at).toBe(0n);
    const [entity] = (await given.store.list(query)).entities;
    expect(entity).toEqual(await given.load(run("a")));
  });
}
