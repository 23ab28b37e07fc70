import { afterEach, beforeEach, expect, test } from "vitest";
import { CALLER, type EngineRig, NS, openEngine } from "./rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await openEngine({ log_rate_per_second: 10, log_burst_items: 5 });
});
afterEach(() => rig[Symbol.asyncDispose]());

const append = (count: number, agentId: string) => {
  const row = { kind: "operation", operation: "op", severity: 9, message: "m", agentId } as const;
  const rows = Array.from({ length: count }, () => row);
  return rig.engine.logs.append(CALLER, { rows, acknowledge: "committed" });
};

const notes = async () => {
  const search = { order: "oldest", limit: 100 } as const;
  const { rows } = await rig.engine.logs.search(NS, search, AbortSignal.timeout(5_000));
  return rows.filter(({ kind }) => kind === "dropped").map(({ dropped }) => dropped);
};

test("what is over an agent's rate is dropped from the end and counted; others are not touched", async () => {
  expect(await append(7, "a")).toMatchObject({ accepted: 5, dropped: 2 });
  expect(await append(5, "b")).toMatchObject({ accepted: 5, dropped: 0 });
  rig.advance(300);
  expect(await append(5, "a")).toMatchObject({ accepted: 3, dropped: 2 });
});

test("a flood is told of once a second, with all that was dropped", async () => {
  await append(5, "a");
  for (let n = 0; n < 20; n++) await append(1, "a");
  expect(await notes()).toEqual([1]);
  rig.advance(1_000);
  await append(1, "a");
  expect(await notes()).toEqual([1, 19]);
});
