import { expect, test } from "vitest";
import type { Agent } from "../../src/core/agent.ts";
import { agentKey, runKey, taskKey } from "../../src/engine/keys.ts";
import { CALLER, type EngineRig, NS, openEngine, until, workStep } from "./rig.ts";

const SPEC = { capabilities: [{ name: "work" }], labels: {}, slots: 1 };

/** Changes an agent behind the back of the engine, as another process would. */
async function changeElsewhere({ store }: EngineRig, agentId: string, change: Partial<Agent>) {
  const [entity] = await store.load([agentKey(NS, agentId)]);
  if (entity === undefined) throw new Error("no agent");
  const { ns, kind, id, version, status } = entity;
  const state = JSON.stringify({ ...JSON.parse(entity.state), ...change });
  await store.commit({
    expect: [{ ns, kind, id, version }],
    put: [{ ns, kind, id, status, state }],
  });
}

test("a decision on an entity that somebody else has changed is made anew, on what there is now", async () => {
  await using rig = await openEngine();
  const { engine } = rig;
  await engine.agents.register(CALLER, { agentId: "a", spec: SPEC });
  await changeElsewhere(rig, "a", { spec: { ...SPEC, slots: 7 } });
  const statusText = "still here";
  await engine.agents.report(CALLER, { agentId: "a", state: "idle", statusText });
  const { agent } = await engine.agents.get(NS, "a");
  expect(agent).toMatchObject({ state: "idle", statusText, spec: { slots: 7 } });
});

test("revisions count on over decisions, whoever wrote the entries", async () => {
  await using rig = await openEngine();
  const { engine } = rig;
  const first = await engine.agents.register(CALLER, { agentId: "a", spec: SPEC });
  expect(first.result.record.revision).toBe(1);
  for (const [i, state] of (["idle", "active", "idle"] as const).entries()) {
    const report = { agentId: "a", state, statusText: "" };
    expect((await engine.agents.report(CALLER, report)).result.revision).toBe(i + 2);
  }
  // The hand-out writes an entry of the run and not the run.
  const agent = await rig.agent("b");
  const runId = await rig.run([workStep("only")]);
  await agent.take();
  const { revision } = await engine.runs.get(NS, runId);
  const cancelled = await engine.runs.cancel(CALLER, { ids: [runId] }, 0, revision);
  expect(cancelled.result.changed).toEqual([runId]);
});

test("an agent was created when every answer says so", async () => {
  await using rig = await openEngine();
  const { engine } = rig;
  const register = () => engine.agents.register(CALLER, { agentId: "a", spec: SPEC });
  const { createdMs } = (await register()).result.record;
  rig.advance(5_000);
  await engine.agents.report(CALLER, { agentId: "a", state: "idle", statusText: "" });
  expect((await register()).result.record.createdMs).toBe(createdMs);
  expect((await engine.agents.get(NS, "a")).createdMs).toBe(createdMs);
});

test("a run that retention removed can be started again under its id", async () => {
  await using rig = await openEngine({ journal_retention_ms: 60_000 });
  const { engine, store } = rig;
  const agent = await rig.agent("a");
  await rig.run([workStep("only")]);
  const start = { templateId: "t1", runId: "again", labels: {}, ifExists: "fail" } as const;
  const finish = async () => {
    const { task } = await agent.take();
    const { taskId, leaseEpoch } = task;
    await engine.tasks.report(CALLER, undefined, {
      taskId,
      leaseEpoch,
      report: { type: "complete" },
    });
    return task;
  };
  await finish();
  await engine.runs.start(CALLER, start);
  const before = await finish();
  await expect(engine.runs.start(CALLER, start)).rejects.toMatchObject({
    refusal: { code: "run_exists" },
  });
  rig.advance(61_000);
  await until(async () => (await store.load([runKey(NS, "again")]))[0] === undefined);
  expect(await store.load([taskKey(NS, before.taskId)])).toEqual([undefined]);
  expect((await engine.runs.start(CALLER, start)).result.created).toBe(true);
});

test("what no longer fits in memory is read again", async () => {
  await using rig = await openEngine();
  const { engine } = rig;
  await rig.agent("a");
  const big = "x".repeat(200_000);
  const runs = await Promise.all(
    Array.from({ length: 60 }, () => rig.run([workStep("only")], { big })),
  );
  const cancelled = await engine.runs.cancel(CALLER, { ids: runs }, 0);
  expect(cancelled.result.changed).toEqual(runs);
  const { revision } = await engine.agents.get(NS, "a");
  const report = { agentId: "a", state: "idle", statusText: "" } as const;
  expect((await engine.agents.report(CALLER, report)).result.revision).toBe(revision + 1);
});
