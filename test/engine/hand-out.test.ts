import { afterEach, beforeEach, expect, test } from "vitest";
import { CALLER, type EngineRig, nextEvent, openEngine, taskOf, workStep } from "./rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await openEngine();
});
afterEach(() => rig[Symbol.asyncDispose]());

/** Calls back while the next hand-out is being committed. */
function atHandOut(then: () => void): void {
  const { store } = rig;
  const commit = store.commit.bind(store);
  store.commit = async (made) => {
    if (made.entries?.some(({ body }) => body.includes('"leaseEpoch":1'))) then();
    return commit(made);
  };
}

const pollOf = async (signal: AbortSignal, gone?: AbortSignal) => {
  const { sessionId, epoch } = await rig.agent("a");
  const options = { sessionId, epoch, maxTasks: 1, autoAck: true, held: [] };
  return rig.engine.tasks.poll(CALLER, options, signal, gone);
};

test("a poll whose time is over answers with what is just being handed out", async () => {
  const time = new AbortController();
  atHandOut(() => time.abort());
  const answer = pollOf(time.signal);
  const runId = await rig.run([workStep("s")]);
  expect((await answer).assignments).toMatchObject([{ task: { runId, attempt: 1 } }]);
});

test("what is handed out to a poll that nobody hears goes back with its attempt", async () => {
  const call = new AbortController();
  atHandOut(() => call.abort(new Error("hung up")));
  const answer = expect(pollOf(call.signal, call.signal)).rejects.toThrow("hung up");
  const runId = await rig.run([workStep("s")]);
  await answer;
  const task = await taskOf(rig, runId, "s");
  expect(task).toMatchObject({ state: "queued", attempt: 0, releases: 1 });
});

const streamOf = async (signal: AbortSignal) => {
  const agent = await rig.engine.agents.get(CALLER.ns, "a");
  const { sessionId = "", epoch = 0 } = agent.agent.session ?? {};
  const options = { sessionId, epoch, autoAck: false };
  return (await rig.engine.tasks.work(CALLER, options, signal)).events[Symbol.asyncIterator]();
};

test("what is being handed out to a stream that ends goes back with its attempt", async () => {
  await rig.agent("a");
  const call = new AbortController();
  atHandOut(() => call.abort());
  const stream = await streamOf(call.signal);
  const end = stream.next();
  const runId = await rig.run([workStep("s")]);
  expect(await end).toMatchObject({ done: true });
  const task = await taskOf(rig, runId, "s");
  expect(task).toMatchObject({ state: "queued", attempt: 0, releases: 1 });
});

test("an offer that a stream could not write stays with the stream that replaced it", async () => {
  await rig.agent("a");
  const deaf = await streamOf(AbortSignal.timeout(8_000));
  const runId = await rig.run([workStep("s")]);
  const offered = { type: "assignments", assignments: [{ task: { runId, leaseEpoch: 1 } }] };
  expect(await nextEvent(deaf)).toMatchObject(offered);
  const stream = await streamOf(AbortSignal.timeout(8_000));
  expect(await nextEvent(stream)).toMatchObject(offered);
  await deaf.return?.();
  expect(await taskOf(rig, runId, "s")).toMatchObject({ state: "assigned", leaseEpoch: 1 });
});

const PICKY = { type: "task", agent: { capability: "work", where: "agent.labels.team == 'b'" } };

test("a crowd of tasks that fit nobody holds up no task that fits", async () => {
  const { runs } = rig.engine;
  const crowd = await rig.run([{ id: "s", kind: PICKY as never }]);
  const { templateId } = (await runs.get(CALLER.ns, crowd)).run;
  const start = { templateId, labels: {}, ifExists: "fail" } as const;
  await Promise.all(Array.from({ length: 1_000 }, () => runs.start(CALLER, start)));
  rig.advance(1);
  const plain = await rig.run([workStep("s")]);
  const claim = rig.store.claim.bind(rig.store);
  rig.store.claim = async (wants, ...rest) => {
    // Time passes with every look, as on a disk: what was looked at comes back meanwhile.
    if (wants[0]?.queue.startsWith("task/")) rig.advance(5);
    return claim(wants, ...rest);
  };
  const agent = await rig.agent("a", {}, 600_000);

  const { task } = await agent.take(true);

  expect(task.runId).toBe(plain);
});

test("an open stream takes part in what its agent registers anew", async () => {
  const agent = await rig.agent("a", { capabilities: [], slots: 1 });
  const stream = await streamOf(AbortSignal.timeout(8_000));
  const event = nextEvent(stream);
  const runId = await rig.run([workStep("s")]);
  const capabilities = [{ name: "work" }];
  const { update } = rig.engine.agents;
  await update(CALLER, agent.agentId, (spec) => ({ ...spec, capabilities }), undefined);
  expect(await event).toMatchObject({ type: "assignments", assignments: [{ task: { runId } }] });
});

test("a stream ends with its session", async () => {
  const old = await rig.agent("a");
  const stream = await streamOf(AbortSignal.timeout(8_000));
  const event = nextEvent(stream);
  const next = await rig.agent("a");
  expect(next.epoch).toBe(old.epoch + 1);
  expect(await event).toMatchObject({ type: "moved", cause: "replaced" });
});

test("nothing is handed out under a session that ends meanwhile", async () => {
  const old = await rig.agent("a");
  const { store } = rig;
  const commit = store.commit.bind(store);
  const tried = Promise.withResolvers<void>();
  store.commit = async (made) => {
    if (!made.entries?.some(({ body }) => body.includes('"leaseEpoch":1'))) return commit(made);
    store.commit = commit;
    await rig.engine.agents.closeSession(CALLER, old.sessionId, old.epoch);
    const committed = commit(made);
    committed.finally(tried.resolve).catch(() => undefined);
    return committed;
  };
  const stream = await streamOf(AbortSignal.timeout(8_000));
  const event = nextEvent(stream);
  const runId = await rig.run([workStep("s")]);
  expect(await event).toMatchObject({ type: "moved" });
  await tried.promise;
  expect(await taskOf(rig, runId, "s")).toMatchObject({ state: "queued", leaseEpoch: 0 });
});

test("a hand-out reads the agent it is for, however many others wait", async () => {
  const leaving = new AbortController();
  const offers = [];
  for (let n = 0; n < 30; n++) {
    const { sessionId, epoch } = await rig.agent(`a${n}`);
    const options = { sessionId, epoch, autoAck: true };
    const { events } = await rig.engine.tasks.work(CALLER, options, leaving.signal);
    offers.push(nextEvent(events[Symbol.asyncIterator]()));
  }
  const { store } = rig;
  const load = store.load.bind(store);
  let agents = 0;
  store.load = async (keys) => {
    agents += keys.filter(({ kind }) => kind === "agent").length;
    return load(keys);
  };
  const runId = await rig.run([workStep("s")]);
  const offered = { type: "assignments", assignments: [{ task: { runId } }] };
  expect(await Promise.race(offers)).toMatchObject(offered);
  expect(agents).toBeLessThanOrEqual(1);
  leaving.abort();
  await Promise.allSettled(offers);
});
