import { expect, test } from "vitest";
import type { RunEntryBody } from "../../src/core/run.ts";
import type { Assignment } from "../../src/engine/tasks.ts";
import type { Entry } from "../../src/store/store.ts";
import { CALLER, type EngineRig, NS, openEngine, type TestAgent, until, workStep } from "./rig.ts";

/** An agent's stream that is always read on; what it is handed is there to be awaited, one at a time. */
async function openStream({ engine }: EngineRig, { sessionId, epoch }: TestAgent) {
  const options = { sessionId, epoch, autoAck: true };
  const { events, setWindow } = await engine.tasks.work(
    CALLER,
    options,
    AbortSignal.timeout(20_000),
  );
  const handed: Assignment[] = [];
  const read = async (): Promise<void> => {
    for await (const event of events) {
      if (event.type === "assignments") handed.push(...event.assignments);
    }
  };
  void read();
  return { setWindow, next: () => until(async () => handed.shift()) };
}

function complete({ engine }: EngineRig, { task }: Assignment) {
  const { taskId, leaseEpoch } = task;
  return engine.tasks.report(CALLER, undefined, {
    taskId,
    leaseEpoch,
    report: { type: "complete" },
  });
}

/** The entries of a run, as the moves of its task, with the ends of commits between them. */
async function commitsOf({ store }: EngineRig, runId: string): Promise<string[]> {
  const { entries } = await store.read("runs", 0n, 1_000, { ns: NS, kind: "run", id: runId });
  return entries.map((entry: Entry) => {
    const { event } = JSON.parse(entry.body) as RunEntryBody;
    const move = event.type === "task_changed" ? event.to : event.type;
    return entry.ends ? `${move};` : move;
  });
}

test("a task is handed to an agent that waits in the commit that makes it ready", async () => {
  await using rig = await openEngine();
  const stream = await openStream(rig, await rig.agent("a", { slots: 2 }));
  await until(async () => {
    // The line may not have begun to wait when the first runs start: then the queue has them.
    const runId = await rig.run([workStep("one"), workStep("two")]);
    await complete(rig, await stream.next());
    await complete(rig, await stream.next());
    const commits = await commitsOf(rig, runId);
    const sequence = commits.join(" ").split("; ");
    expect(commits.filter((move) => move.startsWith("running"))).toHaveLength(2);
    return (
      sequence[0] === "started queued running" &&
      sequence[1] === "succeeded step_ended queued running"
    );
  });
});

test("nobody overtakes: what waits in the queue goes before what has just become ready", async () => {
  await using rig = await openEngine();
  const stream = await openStream(rig, await rig.agent("a", { slots: 9 }));
  const start = (...steps: readonly string[]) => {
    rig.advance(1); // The longest ready goes first.
    return rig.run(steps.map((id) => workStep(id)));
  };
  for (let turn = 0; turn < 10; turn++) {
    stream.setWindow(1);
    const long = await start("one", "two");
    const first = await stream.next();
    const queued = [await start("only"), await start("only")];
    rig.advance(1);
    // From now on it could take everything, also what follows at once.
    stream.setWindow(9);
    await complete(rig, first);
    const next = [await stream.next(), await stream.next(), await stream.next()];
    expect(next.map(({ task }) => task.runId)).toEqual([...queued, long]);
    await Promise.all(next.map((assignment) => complete(rig, assignment)));
  }
});

test("a hand-out that was not committed leaves the slot free", async () => {
  await using rig = await openEngine();
  const stream = await openStream(rig, await rig.agent("a", { slots: 2 }));
  await rig.run([workStep("only")]);
  await complete(rig, await stream.next());
  const start = { templateId: "t1", labels: {}, ifExists: "fail" } as const;
  for (let turn = 0; turn < 20; turn++) {
    const request = { id: `r${turn}`, key: `test/StartRun/r${turn}`, hash: new Uint8Array(32) };
    // Of these, one is carried out; the others are told what came of it.
    const caller = { ...CALLER, request };
    const starts = await Promise.all([1, 2, 3].map(() => rig.engine.runs.start(caller, start)));
    expect(starts.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await complete(rig, await stream.next());
  }
  await rig.run([workStep("only")]);
  await rig.run([workStep("only")]);
  const both = [await stream.next(), await stream.next()];
  expect(new Set(both.map(({ task }) => task.runId)).size).toBe(2);
});

test("an agent that changes all the time holds up nobody's start", async () => {
  await using rig = await openEngine();
  const stream = await openStream(rig, await rig.agent("a", { slots: 2 }));
  await rig.run([workStep("only")]);
  await complete(rig, await stream.next());
  const { store } = rig;
  const commit = store.commit.bind(store);
  let changes = 0;
  store.commit = async (made) => {
    // Whoever counts on the agent as it is has lost.
    const key = made.expect?.find(({ kind }) => kind === "agent");
    const [entity] = key === undefined ? [] : await store.load([key]);
    if (entity !== undefined && made.entries?.some(({ body }) => body.includes("started"))) {
      const { ns, kind, id, version, status, state } = entity;
      const put = [{ ns, kind, id, status, state }];
      await commit({ expect: [{ ns, kind, id, version }], put });
      changes++;
    }
    return commit(made);
  };
  await until(async () => {
    await rig.run([workStep("only")]);
    await complete(rig, await stream.next());
    return changes > 0;
  });
});
