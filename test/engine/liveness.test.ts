import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AgentEntryBody } from "../../src/core/agent.ts";
import { limitsWith } from "../../src/core/limits.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { type EngineRig, NS, nextEvent, openEngine, taskOf, until, workStep } from "./rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await openEngine({ offer_ms: 1_000 });
});
afterEach(() => rig[Symbol.asyncDispose]());

const livenessOf = async (agentId: string) =>
  (await rig.engine.agents.get(NS, agentId)).agent.liveness;
const becomes = (agentId: string, liveness: string) =>
  until(async () => (await livenessOf(agentId)) === liveness);

test("silence makes an agent suspect, then lost; what it said stays; a beat makes it live", async () => {
  const agent = await rig.agent("a");
  await rig.engine.agents.report(
    { ns: NS, actor: "agent:a" },
    {
      agentId: "a",
      session: agent,
      state: "active",
      statusText: "busy",
    },
  );
  rig.advance(4_900);
  await agent.beat();
  rig.advance(4_900);
  expect(await livenessOf("a")).toBe("live");
  rig.advance(200);
  await becomes("a", "suspect");
  await agent.beat();
  expect(await livenessOf("a")).toBe("live");
  rig.advance(10_100);
  await becomes("a", "lost");
  expect((await rig.engine.agents.get(NS, "a")).agent).toMatchObject({
    state: "active",
    statusText: "busy",
  });
  await agent.beat();
  expect(await livenessOf("a")).toBe("live");
});

test("each change of liveness is one entry, and beats write none", async () => {
  const agent = await rig.agent("a");
  for (let n = 0; n < 5; n++) await agent.beat();
  rig.advance(10_100);
  await becomes("a", "lost");
  const { entries } = await rig.store.read("agents", 0n, 100);
  const kinds = entries.map(({ body }) => (JSON.parse(body) as AgentEntryBody).event.type);
  expect(kinds.filter((kind) => kind === "liveness_changed").length).toBeLessThanOrEqual(3);
  expect(kinds.slice(0, 4)).toEqual([
    "registered",
    "session_opened",
    "state_changed",
    "liveness_changed",
  ]);
});

test("a task without progress fails its attempt, and its agent is stalled", async () => {
  const agent = await rig.agent("a");
  const timeouts = { heartbeatMs: 3_000 };
  const runId = await rig.run([workStep("s", { timeouts, retry: { maxAttempts: 1 } })]);
  const { task } = await agent.take(true);
  const held = { taskId: task.taskId, leaseEpoch: 1, progress: 1 };
  await agent.beat([held]);
  rig.advance(2_000);
  await agent.beat([{ ...held, progress: 2 }]);
  rig.advance(2_000);
  await agent.beat([{ ...held, progress: 2 }]);
  expect((await rig.engine.runs.get(NS, runId)).run.state).toBe("running");
  rig.advance(1_100);
  await agent.beat([{ ...held, progress: 2 }]);
  expect(await livenessOf("a")).toBe("stalled");
  const { run } = await until(async () => {
    const record = await rig.engine.runs.get(NS, runId);
    return record.run.state === "failed" && record;
  });
  expect(run.failure).toMatchObject({
    reason: "ATTEMPTS_EXHAUSTED",
    cause: { reason: "NO_PROGRESS" },
  });
});

test("two offers that lapse in a row while beats arrive: the stream is to be opened again", async () => {
  const agent = await rig.agent("a", { slots: 5 });
  await rig.run([workStep("s", { retry: { initialDelayMs: 1, maxDelayMs: 1 } })]);
  const options = { sessionId: agent.sessionId, epoch: agent.epoch, autoAck: false };
  const open = async () => {
    const { events } = await rig.engine.tasks.work(
      { ns: NS, actor: "agent:a" },
      options,
      AbortSignal.timeout(8_000),
    );
    return events[Symbol.asyncIterator]();
  };
  const stream = await open();
  for (let n = 0; n < 2; n++) {
    expect(await nextEvent(stream)).toMatchObject({ type: "assignments" });
    rig.advance(1_100);
    await until(
      async () =>
        (await rig.engine.runs.tasks(NS, { limit: 1 })).items[0]?.task.state === "retry_wait",
    );
    rig.advance(10);
  }
  const { directives } = await agent.beat();
  expect(directives).toEqual([{ type: "reopen_stream" }]);
  expect(await livenessOf("a")).toBe("stalled");
  const again = await open();
  await agent.beat();
  expect(await livenessOf("a")).toBe("live");
  expect(await nextEvent(again)).toMatchObject({ type: "assignments" });
});

/** The ticker has swept since, whatever there was to judge. */
async function swept({ engine, run }: EngineRig): Promise<void> {
  const runId = await run([workStep("s")], undefined, { timeoutMs: 1 });
  rig.advance(20);
  await until(async () => (await engine.runs.get(NS, runId)).run.state === "failed");
}

test("after a start each agent is given its own lease to be heard again", async () => {
  await rig.agent("quick", {}, 10_000);
  const slow = await rig.agent("slow", {}, 400_000);
  await rig.engine.stop();
  rig.advance(500_000);
  const { store } = rig;
  const limits = limitsWith({ sweep_ms: 10 });
  const logger = pino({ level: "silent" });
  const engine = createEngine({ store, limits, logger, replicaId: "next" });
  engine.start();
  try {
    await swept({ ...rig, engine });
    expect(await livenessOf("quick")).toBe("live");
    rig.advance(11_000);
    await becomes("quick", "lost");
    expect(await livenessOf("slow")).toBe("live");
    rig.advance(380_000);
    await slow.beat();
    rig.advance(10_000);
    await swept({ ...rig, engine });
    expect(await livenessOf("slow")).toBe("live");
    rig.advance(400_000);
    await becomes("slow", "lost");
  } finally {
    await engine.stop();
  }
});

test("silence while the process itself stood still is held against nobody", async () => {
  const agent = await rig.agent("a");
  const runId = await rig.run([workStep("s")]);
  await agent.take(true);
  rig.advance(10_100);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200);
  await swept(rig);
  expect(await livenessOf("a")).toBe("live");
  expect((await taskOf(rig, runId, "s")).state).toBe("running");
  rig.advance(8_000);
  await becomes("a", "lost");
});
