import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AgentEntrySchema, AgentState, Liveness } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LogEntrySchema } from "../../gen/opscore/v1/logging_pb.ts";
import { Disposition, TaskState } from "../../gen/opscore/v1/task_pb.ts";
import {
  RunEntryKind,
  RunEntrySchema,
  RunState,
  StepState,
} from "../../gen/opscore/v1/workflow_pb.ts";
import type { AgentEntryBody, AgentEvent } from "../../src/core/agent.ts";
import type { StoredLog } from "../../src/core/log.ts";
import type { RunEntryBody, RunView } from "../../src/core/run.ts";
import type { NewTask } from "../../src/core/task.ts";
import { AGENT_ENTRY_KINDS, toAgentEntry } from "../../src/rpc/convert-agent.ts";
import { fromLogEntry, toLogEntry } from "../../src/rpc/convert-log.ts";
import { endsRun, toRunEntry } from "../../src/rpc/convert-run.ts";

const PLACE = { position: 12n, sequence: 3, id: "thing", atMs: 1_700_000_000_123 };

/** As it arrives on the other side. */
function sent<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>) {
  return fromBinary(schema, toBinary(schema, create(schema, init)));
}

const spec = {
  displayName: "Ada",
  version: "1.0.0",
  capabilities: [{ name: "plan", version: "2.0.0", tags: ["x"] }, { name: "write" }],
  labels: { team: "b" },
  slots: 2,
};
const session = {
  sessionId: "s",
  agentId: "thing",
  epoch: 4,
  leaseMs: 30_000,
  openedAtMs: 1,
  peer: "p",
};

const AGENT_EVENTS: { readonly [T in AgentEvent["type"]]: Extract<AgentEvent, { type: T }> } = {
  registered: { type: "registered", agentId: "thing", spec },
  updated: { type: "updated", spec },
  deregistered: { type: "deregistered" },
  session_opened: { type: "session_opened", session },
  session_closed: { type: "session_closed", sessionId: "s", epoch: 4, reason: "bye" },
  state_changed: {
    type: "state_changed",
    from: "idle",
    to: "active",
    statusText: "writing",
    details: { n: 1 },
    eventTimeMs: 5_000,
  },
  liveness_changed: { type: "liveness_changed", from: "live", to: "lost" },
};
const EXPECTED: Readonly<Record<AgentEvent["type"], object>> = {
  registered: { spec: { displayName: "Ada", version: "1.0.0", slots: 2, labels: { team: "b" } } },
  updated: {
    spec: { capabilities: [{ name: "plan", version: "2.0.0", tags: ["x"] }, { name: "write" }] },
  },
  deregistered: {},
  session_opened: { sessionId: "s", epoch: 4 },
  session_closed: { sessionId: "s", epoch: 4, reason: "bye" },
  state_changed: {
    fromState: AgentState.IDLE,
    toState: AgentState.ACTIVE,
    statusText: "writing",
    details: { n: 1 },
    eventTime: { seconds: 5n },
  },
  liveness_changed: { fromLiveness: Liveness.LIVE, toLiveness: Liveness.LOST },
};

describe("an entry of an agent", () => {
  const is = { state: "idle", liveness: "live", labels: {}, capabilities: [] } as const;

  test.each(Object.values(AGENT_EVENTS).map((event) => [event.type, event] as const))(
    "%s says what happened",
    (type, event) => {
      const body: AgentEntryBody = { event, atMs: 1, actor: "agent:thing", is };
      const entry = sent(AgentEntrySchema, toAgentEntry(PLACE, body));
      expect(entry).toMatchObject({
        position: 12n,
        sequence: 3,
        agentId: "thing",
        actor: "agent:thing",
        kind: AGENT_ENTRY_KINDS[type],
        ...EXPECTED[type],
      });
      expect(entry.time && timestampMs(entry.time)).toBe(PLACE.atMs);
    },
  );

  test("carries why, for people", () => {
    const body: AgentEntryBody = {
      event: { type: "deregistered" },
      atMs: 1,
      actor: "user:bo",
      reason: "retired",
      is,
    };
    expect(sent(AgentEntrySchema, toAgentEntry(PLACE, body)).reason).toBe("retired");
  });
});

const view: RunView = {
  state: "running",
  templateId: "t",
  templateVersion: "1.0.0",
  labels: {},
  priority: 5,
  actor: "user:bo",
  traceId: "0".repeat(32),
  createdAtMs: 1,
};
const failure = { reason: "BROKEN", message: "it broke" };
const run = {
  runId: "thing",
  templateId: "t",
  templateVersion: "1.0.0",
  templateDigest: "d",
  labels: { team: "b" },
  priority: 5,
  actor: "user:bo",
  traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
  deadlineMs: 99_000,
  input: { secret: true },
};

type RunEvent = RunEntryBody["event"];
const RUN_EVENTS: {
  readonly [T in RunEvent["type"]]: readonly [Extract<RunEvent, { type: T }>, object];
} = {
  started: [
    { type: "started", run },
    {
      kind: RunEntryKind.RUN,
      body: {
        case: "run",
        value: {
          fromState: RunState.UNSPECIFIED,
          toState: RunState.RUNNING,
          run: { runId: "thing", revision: 3, traceId: "a".repeat(32), labels: { team: "b" } },
        },
      },
    },
  ],
  step_ended: [
    { type: "step_ended", stepPath: "plan", from: "running", to: "succeeded", output: { n: 1 } },
    {
      kind: RunEntryKind.STEP,
      stepPath: "plan",
      body: {
        case: "step",
        value: {
          fromState: StepState.RUNNING,
          toState: StepState.SUCCEEDED,
          output: { data: { case: "json" } },
        },
      },
    },
  ],
  step_fell_back: [
    { type: "step_fell_back", stepPath: "plan", failure },
    {
      kind: RunEntryKind.STEP,
      body: {
        case: "step",
        value: { fromState: StepState.RUNNING, toState: StepState.RUNNING, failure },
      },
    },
  ],
  cancelling: [
    { type: "cancelling", reason: "enough", graceMs: 1 },
    {
      kind: RunEntryKind.RUN,
      reason: "enough",
      body: { case: "run", value: { fromState: RunState.RUNNING, toState: RunState.CANCELLING } },
    },
  ],
  succeeded: [
    { type: "succeeded", output: "done" },
    {
      body: {
        case: "run",
        value: { toState: RunState.SUCCEEDED, output: { data: { case: "json" } } },
      },
    },
  ],
  failed: [
    { type: "failed", failure },
    { body: { case: "run", value: { toState: RunState.FAILED, failure } } },
  ],
  cancelled: [
    { type: "cancelled", reason: "enough" },
    { reason: "enough", body: { case: "run", value: { toState: RunState.CANCELLED } } },
  ],
  task_changed: [
    {
      type: "task_changed",
      taskId: "k",
      stepPath: "plan",
      from: "running",
      to: "retry_wait",
      attempt: 2,
      leaseEpoch: 5,
      agentId: "ada",
      sessionId: "s",
      failure,
      readyAtMs: 4_000,
      disposition: "recorded",
    },
    {
      kind: RunEntryKind.TASK,
      stepPath: "plan",
      body: {
        case: "task",
        value: {
          taskId: "k",
          fromState: TaskState.RUNNING,
          toState: TaskState.RETRY_WAIT,
          attempt: 2,
          leaseEpoch: 5,
          agentId: "ada",
          sessionId: "s",
          failure,
          nextAttemptTime: { seconds: 4n },
          disposition: Disposition.RECORDED,
        },
      },
    },
  ],
  template_published: [
    { type: "template_published", templateId: "t", version: "1.0.0", digest: "d" },
    {
      kind: RunEntryKind.TEMPLATE,
      runId: "",
      body: { case: "template", value: { templateId: "t", version: "1.0.0", digest: "d" } },
    },
  ],
};

describe("an entry of a run", () => {
  const bodyOf = (event: RunEvent): RunEntryBody => ({
    event,
    atMs: 7_000,
    actor: "system",
    was: view,
    is: view,
  });

  test.each(Object.entries(RUN_EVENTS))("%s says what happened", (_, [event, expected]) => {
    const entry = sent(RunEntrySchema, toRunEntry(PLACE, bodyOf(event)));
    expect(entry).toMatchObject({ position: 12n, sequence: 3, actor: "system", ...expected });
    expect(entry.body.case).toBeDefined();
  });

  test("a new run is shown without its input", () => {
    const [event] = RUN_EVENTS.started;
    const { body } = sent(RunEntrySchema, toRunEntry(PLACE, bodyOf(event)));
    expect(body.case === "run" && body.value.run?.input).toBeUndefined();
  });

  test("a late report and a new task are told apart from other changes", () => {
    const [change] = RUN_EVENTS.task_changed;
    const late = toRunEntry(PLACE, bodyOf({ ...change, late: true, disposition: "late" }));
    expect(late.kind).toBe(RunEntryKind.LATE_REPORT);
    const { from: _, ...queued } = change;
    const fresh = sent(
      RunEntrySchema,
      toRunEntry(PLACE, bodyOf({ ...queued, to: "queued", task: {} as NewTask })),
    );
    expect(fresh.body).toMatchObject({ value: { fromState: TaskState.UNSPECIFIED } });
  });

  test("ends the run only at an end", () => {
    const ends = Object.values(RUN_EVENTS).filter(([event]) => endsRun(bodyOf(event)));
    expect(ends.map(([{ type }]) => type)).toEqual(["succeeded", "failed", "cancelled"]);
  });
});

describe("an entry of the log", () => {
  const anyLog: fc.Arbitrary<StoredLog> = fc.record(
    {
      kind: fc.constant("operation"),
      operation: fc.stringMatching(/^[a-z]{1,8}$/),
      severity: fc.integer({ min: 1, max: 24 }),
      message: fc.string(),
      attributes: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string()),
      eventTimeMs: fc.nat(4e12),
      agentId: fc.stringMatching(/^[a-z]{1,8}$/),
      runId: fc.stringMatching(/^[a-z]{1,8}$/),
      taskId: fc.stringMatching(/^[a-z]{1,8}$/),
      stepPath: fc.stringMatching(/^[a-z]{1,8}$/),
      traceId: fc.stringMatching(/^[0-9a-f]{32}$/),
      spanId: fc.stringMatching(/^[0-9a-f]{16}$/),
      actor: fc.constant("agent:ada"),
      producerId: fc.constant("p"),
      producerSeq: fc.nat(),
      truncated: fc.constant(true),
      position: fc.bigInt({ min: 1n, max: 2n ** 60n }),
      atMs: fc.nat(4e12),
    },
    { requiredKeys: ["kind", "operation", "severity", "message", "actor", "position", "atMs"] },
  ) as fc.Arbitrary<StoredLog>;

  test("goes out whole; what only the server may say does not come back in", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const message = sent(LogEntrySchema, toLogEntry(log));
        expect(message).toMatchObject({ position: log.position, actor: log.actor });
        expect(message.producerSeq).toBe(BigInt(log.producerSeq ?? 0));
        const {
          position: _,
          atMs: __,
          actor: ___,
          producerId,
          producerSeq,
          truncated,
          ...said
        } = log;
        expect(fromLogEntry(message, "/entries/0", undefined)).toEqual(
          JSON.parse(JSON.stringify(said)),
        );
      }),
    );
  });

  test("is about its writer when it names nobody, and informs when it does not say how bad", () => {
    const message = create(LogEntrySchema, { message: "hello" });
    expect(fromLogEntry(message, "/entries/0", "ada")).toEqual({
      kind: "operation",
      operation: "",
      severity: 9,
      message: "hello",
      agentId: "ada",
    });
  });
});
