import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MoveCause } from "../../gen/opscore/v1/common_pb.ts";
import { ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import {
  Disposition,
  type StreamTasksResponse,
  TaskService,
  TaskState,
  type WorkTasksRequestSchema,
  type WorkTasksResponse,
} from "../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";
import { callOf, next, openRig, type Rig, refusalOf, type TestCall, upTo } from "./rig.ts";

const { method } = TaskService;
const TEMPLATE = `
template_id: one
version: 1.0.0
main:
  steps:
    - id: plan
      task: { agent: { capability: plan }, input: { n: input } }
      retry: { initial_delay: 0.01s }
`;
let rig: Rig;
let session: { sessionId: string; epoch: number };
const calls: TestCall[] = [];

beforeEach(async () => {
  rig = await openRig({ progress_ms: 500 });
  await rig.ask(WorkflowService.method.publishTemplate, {
    source: { source: { case: "text", value: TEMPLATE } },
  });
  session = await openSession();
});
afterEach(async () => {
  for (const call of calls.splice(0)) call.leave();
  await rig[Symbol.asyncDispose]();
});

async function openSession() {
  const { agent } = await rig.ask(LifecycleService.method.registerAgent, {
    agentId: "ada",
    spec: { capabilities: [{ name: "plan" }], slots: 5 },
    openSession: {},
  });
  const { sessionId = "", epoch = 0 } = agent?.session ?? {};
  await rig.ask(LifecycleService.method.reportState, { report: { agentId: "ada", state: 2 } });
  return { sessionId, epoch };
}

function caller(principal = "user:local"): TestCall {
  const call = callOf({ principal });
  calls.push(call);
  return call;
}

const start = (runId: string) =>
  rig.ask(WorkflowService.method.startRun, { runId, templateId: "one" });
const poll = (extra = {}, call = caller()) =>
  rig.ask(method.pollTasks, { ...session, wait: { seconds: 20n }, ...extra }, call);
const assigned = ({ assignments }: StreamTasksResponse | WorkTasksResponse) =>
  assignments.length > 0;

async function polled() {
  const { assignments } = await poll();
  const [task] = assignments;
  if (task === undefined) throw new Error("no task");
  return task;
}

describe("polling", () => {
  test("waits for a task; without a wait it looks once", async () => {
    expect((await poll({ wait: undefined })).assignments).toEqual([]);
    const waiting = poll();
    await start("r1");
    const { assignments, leaseExpireTime } = await waiting;
    expect(assignments).toMatchObject([
      { runId: "r1", stepPath: "plan", leaseEpoch: 1, templateId: "one" },
    ]);
    expect(leaseExpireTime).toBeDefined();
    await start("r2");
    await expect
      .poll(async () => (await poll({ wait: undefined })).assignments.map(({ runId }) => runId))
      .toEqual(["r2"]);
  });

  test("answers at once when the server shuts down", async () => {
    const call = caller();
    const waiting = poll({}, call);
    call.drain();
    expect((await waiting).assignments).toEqual([]);
  });

  test("is for the agent of the credential", async () => {
    const foreign = poll({}, caller("agent:bo"));
    expect(await refusalOf(foreign)).toMatchObject({ code: "identity_mismatch" });
  });
});

describe("reports", () => {
  test("acknowledge, complete, and count once", async () => {
    await start("r1");
    const { taskId, leaseEpoch } = await polled();
    const key = { taskId, leaseEpoch };
    const { receipt } = await rig.ask(method.ackTask, key);
    expect(receipt).toMatchObject({ disposition: Disposition.RECORDED, state: TaskState.RUNNING });
    const done = await rig.ask(method.completeTask, key);
    expect(done.receipt).toMatchObject({
      disposition: Disposition.RECORDED,
      state: TaskState.SUCCEEDED,
    });
    const again = await rig.ask(method.completeTask, key);
    expect(again.receipt?.disposition).toBe(Disposition.DUPLICATE);
    const other = rig.ask(method.failTask, { ...key, fail: { failure: { reason: "X" } } });
    expect(await refusalOf(other)).toMatchObject({ code: "outcome_recorded" });
  });

  test("of a lease that is not current, or of another agent, are refused", async () => {
    await start("r1");
    const { taskId, leaseEpoch } = await polled();
    const stale = rig.ask(method.ackTask, { taskId, leaseEpoch: leaseEpoch + 7 });
    expect(await refusalOf(stale)).toMatchObject({ code: "lease_lost", taskId });
    const foreign = rig.ask(method.ackTask, { taskId, leaseEpoch }, caller("agent:bo"));
    expect(await refusalOf(foreign)).toMatchObject({
      code: expect.stringMatching(/identity_mismatch|lease_lost/),
    });
  });

  test("release without using the attempt, fail with one", async () => {
    await start("r1");
    const first = await polled();
    const key = { taskId: first.taskId, leaseEpoch: first.leaseEpoch };
    await rig.ask(method.releaseTask, key);
    const second = await polled();
    expect(second).toMatchObject({ attempt: 1, leaseEpoch: 2 });
    const failure = { reason: "FLAKY", message: "try again", pointer: "/forged" };
    await rig.ask(method.failTask, { ...key, leaseEpoch: 2, fail: { failure } });
    const third = await polled();
    expect(third).toMatchObject({ attempt: 2, lastFailure: { reason: "FLAKY", pointer: "" } });
  });

  test("of a batch are refused alone, and those of a task taken in order", async () => {
    await start("r1");
    const { taskId, leaseEpoch } = await polled();
    const key = { taskId, leaseEpoch };
    const { results } = await rig.ask(method.reportTasks, {
      reports: [
        { ...key, reportSeq: 1, report: { case: "ack", value: {} } },
        { ...key, reportSeq: 2, report: { case: "fail", value: {} } },
        { taskId: "none", leaseEpoch: 1, reportSeq: 3, report: { case: "ack", value: {} } },
        { ...key, reportSeq: 4, report: { case: "complete", value: {} } },
      ],
    });
    expect(results.map(({ reportSeq }) => reportSeq)).toEqual([1, 2, 3, 4]);
    expect(
      results.map(({ result }) => result.case === "error" && result.value.detail?.reason),
    ).toEqual([false, ErrorReason.INVALID_FIELD, ErrorReason.TASK_NOT_FOUND, false]);
    expect(results[3]?.result.value).toMatchObject({ state: TaskState.SUCCEEDED });
  });
});

describe("a stream of tasks", () => {
  test("opens with a sign of life, then brings tasks", async () => {
    const frames = rig.open(method.streamTasks, session, caller());
    expect((await next(frames)).control?.control.case).toBe("progress");
    await start("r1");
    const seen = await upTo(frames, assigned);
    expect(seen.at(-1)?.assignments).toMatchObject([{ runId: "r1" }]);
  });

  test("ends as moved when a newer one takes over, and must not come back", async () => {
    const old = rig.open(method.streamTasks, session, caller());
    await next(old);
    const fresh = rig.open(method.streamTasks, session, caller());
    await next(fresh);
    const isMoved = ({ control }: StreamTasksResponse) => control?.control.case === "moved";
    const moved = (await upTo(old, isMoved)).at(-1);
    expect(moved?.control?.control.value).toMatchObject({ cause: MoveCause.REPLACED });
    expect(await refusalOf(next(old))).toMatchObject({ code: "session_superseded" });
  });

  test("ends as moved when the server shuts down", async () => {
    const call = caller();
    const frames = rig.open(method.streamTasks, session, call);
    await next(frames);
    call.drain();
    expect((await next(frames)).control?.control).toMatchObject({
      case: "moved",
      value: { cause: MoveCause.DRAIN },
    });
    expect(await refusalOf(next(frames))).toMatchObject({ code: "draining" });
  });

  test("of a session that is over is refused before it opens", async () => {
    await openSession();
    const frames = rig.open(method.streamTasks, session, caller());
    expect(await refusalOf(next(frames))).toMatchObject({ code: "session_superseded" });
  });
});

type Said = MessageInitShape<typeof WorkTasksRequestSchema>;

/** The agent's side of a two-way stream: says what it is told to say. */
class Agent {
  readonly #said: Said[] = [];
  #ring = () => {};
  #over = false;

  say(...messages: readonly Said[]): void {
    this.#said.push(...messages);
    this.#ring();
  }

  end(): void {
    this.#over = true;
    this.#ring();
  }

  async *messages(): AsyncGenerator<Said> {
    for (;;) {
      const message = this.#said.shift();
      if (message !== undefined) yield message;
      else if (this.#over) return;
      else
        await new Promise<void>((resolve) => {
          this.#ring = resolve;
        });
    }
  }
}

describe("a two-way stream", () => {
  const talk = (agent: Agent, call = caller()) =>
    rig.talk(method.workTasks, agent.messages(), call);

  test("brings tasks, takes reports and beats, and ends when the agent has said its last word", async () => {
    const agent = new Agent();
    const frames = talk(agent);
    agent.say({ open: session });
    expect((await next(frames)).control?.control.case).toBe("progress");
    await start("r1");
    const task = (await upTo(frames, assigned)).at(-1)?.assignments[0];
    if (task === undefined) throw new Error("no task");
    const { taskId, leaseEpoch } = task;
    agent.say({
      reports: [
        { taskId, leaseEpoch, reportSeq: 1, report: { case: "ack", value: {} } },
        { taskId, leaseEpoch, reportSeq: 2, report: { case: "complete", value: {} } },
        { taskId: "none", leaseEpoch, reportSeq: 3, report: { case: "ack", value: {} } },
      ],
      beat: { agentId: "ada", ...session },
    });
    const answer = (await upTo(frames, ({ results }) => results.length > 0)).at(-1);
    expect(answer?.results.map(({ result }) => result.case)).toEqual([
      "receipt",
      "receipt",
      "error",
    ]);
    expect(answer?.leaseExpireTime).toBeDefined();
    const { task: stored } = await rig.ask(WorkflowService.method.getTask, { taskId });
    expect(stored?.state).toBe(TaskState.SUCCEEDED);
    agent.end();
    for await (const _ of frames) if (false as boolean) break;
  });

  test("takes no more tasks than its window, until it is widened", async () => {
    for (const runId of ["r1", "r2", "r3"]) await start(runId);
    const agent = new Agent();
    const frames = talk(agent);
    agent.say({ open: { ...session, window: 1, autoAck: true } });
    const first = (await upTo(frames, assigned)).at(-1);
    expect(first?.assignments).toHaveLength(1);
    agent.say({ window: 3 });
    let count = 1;
    while (count < 3) count += (await next(frames)).assignments.length;
    expect(count).toBe(3);
  });

  test("must open first, and once", async () => {
    const silent = new Agent();
    silent.say({ window: 3 });
    expect(await refusalOf(next(talk(silent)))).toMatchObject({
      code: "invalid_field",
      pointer: "/open",
    });
    const twice = new Agent();
    twice.say({ open: session }, { open: session });
    const frames = talk(twice);
    await next(frames);
    expect(await refusalOf(upTo(frames, () => false))).toMatchObject({ pointer: "/open" });
  });

  test("beats only for the agent of the credential", async () => {
    const agent = new Agent();
    agent.say({ open: session }, { beat: { agentId: "bo", ...session } });
    const frames = talk(agent, caller("agent:ada"));
    await next(frames);
    expect(await refusalOf(upTo(frames, () => false))).toMatchObject({ code: "identity_mismatch" });
  });
});
