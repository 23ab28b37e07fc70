import { afterEach, beforeEach, expect, test } from "vitest";
import { CALLER, type EngineRig, NS, openEngine, taskOf, until, workStep } from "./rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await openEngine({ offer_ms: 1_000 });
});
afterEach(() => rig[Symbol.asyncDispose]());

const RETRY = { initialDelayMs: 1, maxDelayMs: 1 };
const stateOf = async (runId: string) => (await taskOf(rig, runId, "s")).state;

test("a beat that saw an offer before its ack does not end the lease that the ack began", async () => {
  const agent = await rig.agent("a");
  const runId = await rig.run([workStep("s", { retry: RETRY })]);
  const { task } = await agent.take();
  const beat = agent.beat([{ taskId: task.taskId, leaseEpoch: 1, progress: 0 }]);
  const ack = { taskId: task.taskId, leaseEpoch: 1, report: { type: "ack" } } as const;
  await rig.engine.tasks.report(CALLER, undefined, ack);
  await beat;
  rig.advance(1_100);
  await agent.beat();
  // Past its lease, in silence about the task: it must end all the same.
  rig.advance(10_100);
  await until(async () => (await stateOf(runId)) === "retry_wait");
});

test("a timer that fires before its time is not the last of its task", async () => {
  const agent = await rig.agent("a");
  const runId = await rig.run([workStep("s", { retry: RETRY })]);
  const { task } = await agent.take(true);
  const key = `task/${NS}/${task.taskId}/lease/1`;
  const [moved] = await rig.store.extend([{ key, dueAtMs: rig.store.nowMs() + 1_000 }]);
  expect(moved).toBe(true);
  rig.advance(1_100);
  await agent.beat();
  rig.advance(10_100);
  await until(async () => (await stateOf(runId)) === "retry_wait");
});

test("a store that refuses a beat fails that beat and nothing else", async () => {
  const agent = await rig.agent("a");
  await rig.run([workStep("s")]);
  const { task } = await agent.take(true);
  const beat = agent.beat([{ taskId: task.taskId, leaseEpoch: 1, progress: 0 }]);
  const refused = expect(beat).rejects.toMatchObject({ refusal: { code: "store_unavailable" } });
  await rig.engine.stop();
  await rig.store.close();
  await refused;
});
