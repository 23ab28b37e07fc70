import { fromJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { TaskService, TaskState } from "../../gen/opscore/v1/task_pb.ts";
import {
  IfRunExists,
  RunEntryKind,
  RunState,
  StepState,
  View,
  type WatchRunsResponse,
  WorkflowService,
} from "../../gen/opscore/v1/workflow_pb.ts";
import { callOf, next, openRig, type Rig, refusalOf, upTo } from "./rig.ts";

const { method } = WorkflowService;
const TEMPLATE = `
template_id: report
version: 1.0.0
main:
  steps:
    - id: plan
      task:
        agent: { capability: plan }
        input: { topic: input.topic }
    - id: done
      set: { values: { title: steps.plan.output.title } }
`;
let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const publish = (text = TEMPLATE, requestId = "") =>
  rig.ask(method.publishTemplate, { source: { source: { case: "text", value: text } }, requestId });
const json = (value: unknown) => ({
  data: { case: "json" as const, value: fromJson(ValueSchema, value as never) },
});
const start = (runId: string, extra = {}) =>
  rig.ask(method.startRun, {
    runId,
    templateId: "report",
    input: json({ topic: "tea" }),
    ...extra,
  });

/** Does the one task of the template, as an agent would. */
async function work(output: unknown) {
  const { agent } = await rig.ask(LifecycleService.method.registerAgent, {
    agentId: "ada",
    spec: { capabilities: [{ name: "plan" }] },
    openSession: {},
  });
  await rig.ask(LifecycleService.method.reportState, { report: { agentId: "ada", state: 2 } });
  const { assignments } = await rig.ask(TaskService.method.pollTasks, {
    sessionId: agent?.session?.sessionId ?? "",
    epoch: agent?.session?.epoch ?? 0,
    wait: { seconds: 20n },
    autoAck: true,
  });
  const [task] = assignments;
  if (task === undefined) throw new Error("no task");
  await rig.ask(TaskService.method.completeTask, {
    taskId: task.taskId,
    leaseEpoch: task.leaseEpoch,
    output: json(output),
  });
  return task;
}

describe("templates", () => {
  test("are published once; the same again is fine, another content is not", async () => {
    const first = await publish();
    expect(first).toMatchObject({
      created: true,
      version: {
        isDefault: true,
        sourceText: TEMPLATE,
        bounds: { maxTasks: 1 },
        template: { templateId: "report", main: { steps: [{ id: "plan" }, { id: "done" }] } },
      },
    });
    expect((await publish()).created).toBe(false);
    const other = publish(TEMPLATE.replace("title", "name"));
    expect(await refusalOf(other)).toMatchObject({ code: "template_version_exists" });
  });

  test("that are wrong are refused with the place; validating says the same without an error", async () => {
    const wrong = TEMPLATE.replace("capability", "capabilty");
    const refusal = await refusalOf(publish(wrong));
    expect(refusal).toMatchObject({ code: "template_invalid" });
    const source = { source: { case: "text" as const, value: wrong } };
    const { diagnostics, bounds } = await rig.ask(method.validateTemplate, { source });
    expect(diagnostics[0]).toMatchObject({ error: true, line: expect.any(Number) });
    expect(diagnostics[0]?.line).toBeGreaterThan(1);
    expect(bounds).toBeUndefined();
  });

  test("are listed without steps and source text", async () => {
    await publish();
    await publish(TEMPLATE.replace("1.0.0", "1.1.0"));
    const all = await rig.ask(method.listTemplates, {});
    expect(all.versions).toMatchObject([{ template: { version: "1.1.0" }, sourceText: "" }]);
    expect(all.versions[0]?.template?.main).toBeUndefined();
    const one = await rig.ask(method.listTemplates, { templateId: "report" });
    expect(one.versions.map(({ template }) => template?.version)).toEqual(["1.1.0", "1.0.0"]);
    const got = await rig.ask(method.getTemplate, { templateId: "report", version: "1.0.0" });
    expect(got.version?.isDefault).toBe(false);
    const none = rig.ask(method.getTemplate, { templateId: "nothing" });
    expect(await refusalOf(none)).toMatchObject({ code: "not_found", what: "template" });
  });
});

describe("runs", () => {
  beforeEach(async () => {
    await publish();
  });

  test("start, wait for their agents, and end with an output", async () => {
    const started = await start("r1", { labels: { team: "b" }, priority: 7 });
    expect(started).toMatchObject({
      created: true,
      run: {
        runId: "r1",
        state: RunState.RUNNING,
        templateVersion: "1.0.0",
        priority: 7,
        actor: "user:local",
      },
    });
    const view = await rig.ask(method.getRun, { runId: "r1", view: View.FULL });
    expect(view.run?.steps).toMatchObject([
      { stepPath: "plan", state: StepState.RUNNING },
      { stepPath: "done", state: StepState.PENDING },
    ]);
    const waiting = rig.ask(method.getRun, {
      runId: "r1",
      untilEnded: true,
      wait: { seconds: 20n },
      view: View.FULL,
    });
    const task = await work({ title: "Tea" });
    expect(task).toMatchObject({
      runId: "r1",
      stepPath: "plan",
      attempt: 1,
      labels: { team: "b" },
    });
    expect(task.input).toEqual(expect.objectContaining(json({ topic: "tea" })));
    const { run } = await waiting;
    expect(run).toMatchObject({ state: RunState.SUCCEEDED, output: json({ title: "Tea" }) });
    expect(run?.steps.map(({ state }) => state)).toEqual([
      StepState.SUCCEEDED,
      StepState.SUCCEEDED,
    ]);
    expect((await rig.ask(method.getRun, { runId: "r1" })).run?.output).toBeUndefined();
  });

  test("are started once by request_id; a repeat waits anew", async () => {
    const first = await start("", { requestId: "q" });
    await work({ title: "Tea" });
    const call = callOf();
    const again = {
      templateId: "report",
      input: json({ topic: "tea" }),
      requestId: "q",
      wait: { seconds: 20n },
    };
    const second = await rig.ask(method.startRun, again, call);
    expect(call.responseHeaders.get("opscore-replayed")).toBe("1");
    expect(second.run?.runId).toBe(first.run?.runId);
    expect(second.watchFrom).toBe((await rig.ask(method.startRun, again)).watchFrom);
    expect(second.run?.state).toBe(RunState.SUCCEEDED);
  });

  test("with an id that is taken are refused, or returned when asked", async () => {
    await start("r1");
    expect(await refusalOf(start("r1"))).toMatchObject({ code: "run_exists", runId: "r1" });
    const same = await start("r1", { ifExists: IfRunExists.RETURN });
    expect(same).toMatchObject({ created: false, run: { runId: "r1" } });
  });

  test("with an input that is too large are refused", async () => {
    const input = json("x".repeat(256 * 1024));
    expect(await refusalOf(start("r1", { input }))).toMatchObject({
      code: "too_large",
      pointer: "/input",
      value: 262144,
      actual: 262146,
    });
  });

  test("of a batch are refused alone, and answered in order", async () => {
    const { results } = await rig.ask(method.startRuns, {
      runs: [
        { runId: "a", templateId: "report", input: json({ topic: "tea" }) },
        { runId: "b", templateId: "nothing" },
        { runId: "not an id", templateId: "report" },
        { runId: "a", templateId: "report" },
      ],
    });
    expect(
      results.map(({ result }) => result.case === "error" && result.value.detail?.reason),
    ).toEqual([
      false,
      ErrorReason.TEMPLATE_NOT_FOUND,
      ErrorReason.INVALID_FIELD,
      ErrorReason.RUN_EXISTS,
    ]);
    expect(results[0]?.result.value).toMatchObject({ runId: "a", created: true });
    expect(results[2]?.result.value).toMatchObject({ detail: { pointer: "/runs/2/runId" } });
  });

  test("carry on the trace of the call", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const message = { runId: "r1", templateId: "report", input: json({ topic: "tea" }) };
    const { run } = await rig.ask(method.startRun, message, callOf({ headers: { traceparent } }));
    expect(run?.traceId).toBe("a".repeat(32));
    const broken = { ...message, runId: "r2" };
    const { run: other } = await rig.ask(
      method.startRun,
      broken,
      callOf({ headers: { traceparent: "x" } }),
    );
    expect(other?.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  test("are listed the newest first, page by page, by filter", async () => {
    for (const runId of ["a", "b", "c"]) await start(runId, { labels: { n: runId } });
    const first = await rig.ask(method.listRuns, { pageSize: 2 });
    expect(first.runs.map(({ runId }) => runId)).toEqual(["c", "b"]);
    const rest = await rig.ask(method.listRuns, { pageSize: 2, pageToken: first.nextPageToken });
    expect(rest.runs.map(({ runId }) => runId)).toEqual(["a"]);
    const one = await rig.ask(method.listRuns, {
      filter: "labels['n'] == 'b' && state == 'RUNNING'",
    });
    expect(one.runs.map(({ runId }) => runId)).toEqual(["b"]);
  });
});

describe("cancelling", () => {
  beforeEach(async () => {
    await publish();
  });
  const cancel = (target: object, extra = {}) =>
    rig.ask(method.controlRuns, { target, action: { case: "cancel", value: {} }, ...extra });

  test("by id changes what is open and says why it left the rest", async () => {
    await start("a");
    await start("b");
    const named = { target: { case: "ids" as const, value: { ids: ["a", "b", "zzz"] } } };
    await cancel({ target: { case: "ids", value: { ids: ["b"] } } }, { reason: "enough" });
    const { result } = await cancel(named);
    expect(result).toMatchObject({ matched: 3, changed: ["a"], nextPageToken: "" });
    expect(result?.skipped).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: "b", reason: "RUN_ENDED" }),
        expect.objectContaining({ id: "zzz", reason: "RUN_NOT_FOUND" }),
      ]),
    );
    const { run } = await rig.ask(method.getRun, { runId: "b" });
    expect(run?.state).toBe(RunState.CANCELLED);
  });

  test("by filter changes what matches", async () => {
    await start("a", { labels: { team: "b" } });
    await start("c");
    const { result } = await cancel({ target: { case: "filter", value: "labels['team'] == 'b'" } });
    expect(result?.changed).toEqual(["a"]);
  });

  test.each([
    ["nothing", {}],
    ["no ids", { target: { case: "ids", value: { ids: [] } } }],
    ["an empty filter", { target: { case: "filter", value: " " } }],
  ])("of %s is refused", async (_, target) => {
    expect(await refusalOf(cancel(target))).toMatchObject({ code: "empty_target" });
  });

  test("checks the revision", async () => {
    await start("a");
    const named = { target: { case: "ids", value: { ids: ["a"] } } };
    expect(await refusalOf(cancel(named, { expectedRevision: 99 }))).toMatchObject({
      code: "revision_mismatch",
    });
  });
});

describe("watching one run", () => {
  beforeEach(async () => {
    await publish();
  });
  const states = (frames: readonly WatchRunsResponse[]) =>
    frames.flatMap(({ entries }) =>
      entries.flatMap(({ body }) => (body.case === "run" ? [body.value.toState] : [])),
    );
  const drain = async (frames: AsyncGenerator<WatchRunsResponse>) => {
    const seen: WatchRunsResponse[] = [];
    for await (const frame of frames) seen.push(frame);
    return seen;
  };

  test("shows its whole history and ends with it, live and afterwards", async () => {
    await start("r1");
    const live = drain(rig.open(method.watchRuns, { runId: "r1" }));
    await work({ title: "Tea" });
    const seen = await live;
    expect(states(seen)).toEqual([RunState.RUNNING, RunState.SUCCEEDED]);
    const sequences = seen.flatMap(({ entries }) => entries.map(({ sequence }) => sequence));
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
    expect(seen[0]).toMatchObject({ entries: [], runs: [] });

    const again = await drain(rig.open(method.watchRuns, { runId: "r1" }));
    expect(again.flatMap(({ entries }) => entries)).toEqual(seen.flatMap(({ entries }) => entries));
    const last = seen.at(-1)?.cursor ?? "";
    const resumed = { runId: "r1", start: { start: { case: "after" as const, value: last } } };
    expect(
      (await drain(rig.open(method.watchRuns, resumed))).flatMap(({ entries }) => entries),
    ).toEqual([]);
    const list = await rig.ask(method.listRunEntries, { runId: "r1" });
    expect(list.ended).toBe(true);
    expect(list.entries).toEqual(seen.flatMap(({ entries }) => entries));
  });

  test("from the cursor of its start misses nothing", async () => {
    const { watchFrom } = await start("r1");
    const message = { runId: "r1", start: { start: { case: "after" as const, value: watchFrom } } };
    const call = callOf();
    const frames = rig.open(method.watchRuns, message, call);
    const seen = await upTo(frames, ({ entries }) => entries.length > 0);
    expect(seen.at(-1)?.entries[0]).toMatchObject({ sequence: 1, kind: RunEntryKind.RUN });
    call.leave();
  });

  test("that does not exist is refused", async () => {
    const none = next(rig.open(method.watchRuns, { runId: "none" }));
    expect(await refusalOf(none)).toMatchObject({ code: "not_found", what: "run" });
    const list = rig.ask(method.listRunEntries, { runId: "none" });
    expect(await refusalOf(list)).toMatchObject({ code: "not_found", what: "run" });
  });

  test("is told from all others by kind, step and task", async () => {
    await start("r1");
    const task = await work({ title: "Tea" });
    const kinds = async (filter: string) =>
      (await rig.ask(method.listRunEntries, { filter })).entries.map(({ kind }) => kind);
    expect(new Set(await kinds(`task_id == '${task.taskId}'`))).toEqual(
      new Set([RunEntryKind.TASK]),
    );
    expect(new Set(await kinds("kind == 'step'"))).toEqual(new Set([RunEntryKind.STEP]));
    expect(await kinds("kind == 'template'")).toEqual([RunEntryKind.TEMPLATE]);
    expect((await kinds("agent_id == 'ada'")).length).toBeGreaterThan(0);
    expect((await kinds("step_path == 'done'")).length).toBe(1);
  });

  test("all of them: the open ones first, then what happens", async () => {
    await start("old");
    await work({ title: "Tea" });
    await start("open");
    const call = callOf();
    const frames = rig.open(method.watchRuns, {}, call);
    const isDone = ({ control }: WatchRunsResponse) => control?.control.case === "snapshotDone";
    const snapshot = await upTo(frames, isDone);
    expect(snapshot.flatMap(({ runs }) => runs.map(({ runId }) => runId))).toEqual(["open"]);
    await start("new");
    const seen = await upTo(frames, ({ entries }) => entries.length > 0);
    expect(seen.at(-1)?.entries[0]).toMatchObject({ runId: "new" });
    call.leave();
  });
});

describe("tasks", () => {
  beforeEach(async () => {
    await publish();
  });

  test("are shown whole one by one, and without payloads in lists", async () => {
    await start("r1");
    const { taskId } = await work({ title: "Tea" });
    const { task } = await rig.ask(method.getTask, { taskId });
    expect(task).toMatchObject({
      state: TaskState.SUCCEEDED,
      agentId: "ada",
      attempt: 1,
      maxAttempts: 5,
      capability: "plan",
      input: json({ topic: "tea" }),
      output: json({ title: "Tea" }),
    });
    const { tasks } = await rig.ask(method.listTasks, {
      filter: "run_id == 'r1' && state == 'succeeded'",
    });
    expect(tasks).toMatchObject([{ taskId }]);
    expect(tasks[0]?.input).toBeUndefined();
    const none = rig.ask(method.getTask, { taskId: "none" });
    expect(await refusalOf(none)).toMatchObject({ code: "not_found", what: "task" });
  });
});
