import { afterEach, beforeEach, expect, test } from "vitest";
import type { AgentEntryBody } from "../../src/core/agent.ts";
import { type EngineRig, NS, nextEvent, openEngine, until, workStep } from "./rig.ts";

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

test("after a start nobody is judged for one lease", async () => {
  const patient = await openEngine({ lease_ms: 60_000 });
  await patient.agent("a");
  patient.advance(20_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await patient.engine.agents.get(NS, "a")).agent.liveness).toBe("live");
  await patient[Symbol.asyncDispose]();
});
