import { MoveCause } from "../../gen/opscore/v1/common_pb.ts";
import type { AgentBeat } from "../../gen/opscore/v1/lifecycle_pb.ts";
import type {
  StreamTasksRequest,
  StreamTasksResponseSchema,
  TaskService,
  WorkTasksRequest,
  WorkTasksResponseSchema,
} from "../../gen/opscore/v1/task_pb.ts";
import { Refused, unreachable } from "../core/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { WorkEvent, WorkStream } from "../engine/tasks.ts";
import { actAs } from "./auth.ts";
import type { Call, Handlers } from "./call.ts";
import { callerOf } from "./caller.ts";
import { type Init, required, toDuration, toTime } from "./convert.ts";
import { fromBeat, toDirective } from "./convert-agent.ts";
import { toAssignment } from "./convert-task.ts";
import { merge } from "./merge.ts";
import { reportAll } from "./task-reports.ts";

type Streams = Pick<Handlers<typeof TaskService>, "streamTasks" | "workTasks">;
type WorkFrame = Init<typeof WorkTasksResponseSchema>;
type StreamFrame = Init<typeof StreamTasksResponseSchema>;

/** When to come back after the server asked for it. */
const MOVED_RETRY_MS = 100;

/** Assignment streams: with reports and heartbeats on the same stream, or down only. */
export function taskStreams(engine: Engine): Streams {
  return {
    async *streamTasks(message, call) {
      const line = await openLine(engine, message, call);
      try {
        yield progress(engine);
        for await (const event of line.events) yield* said(engine, message, event);
        yield* closed(call);
      } finally {
        line.leave();
      }
    },

    async *workTasks(messages, call) {
      const requests = messages[Symbol.asyncIterator]();
      const first = await requests.next();
      if (first.done === true) return;
      const open = required(first.value.open, "/open");
      const line = await openLine(engine, open, call);
      try {
        yield progress(engine);
        yield* answers(engine, line, first.value, call);
        yield* work(engine, line, open, requests, call);
      } finally {
        line.leave();
      }
    },
  };
}

async function* work(
  engine: Engine,
  line: Line,
  open: StreamTasksRequest,
  requests: AsyncIterator<WorkTasksRequest>,
  call: Call,
): AsyncGenerator<WorkFrame> {
  const rest = { [Symbol.asyncIterator]: () => requests };
  for await (const next of merge(rest, line.events)) {
    if ("done" in next) {
      // An agent that has said its last word wants no more tasks.
      if (next.from === "a") return;
      yield* closed(call);
    } else if (next.from === "b") {
      yield* said(engine, open, next.item);
    } else {
      if (next.item.open) throw openedTwice();
      yield* answers(engine, line, next.item, call);
    }
  }
}

interface Line extends WorkStream {
  /** Ends the line: what was not written goes back to the queue. */
  leave(): void;
}

async function openLine(
  { tasks }: Engine,
  { sessionId, epoch, window, autoAck }: StreamTasksRequest,
  call: Call,
): Promise<Line> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([call.signal, call.draining, leaving.signal]);
  const options = { sessionId, epoch, autoAck, ...(window > 0 && { window }) };
  const stream = await tasks.work(callerOf(call), options, signal);
  return { ...stream, leave: () => leaving.abort() };
}

/** What follows from one frame of the agent: nothing to say, or one frame after the commits. */
async function* answers(
  engine: Engine,
  line: Line,
  { window, beat, reports }: WorkTasksRequest,
  call: Call,
): AsyncGenerator<WorkFrame> {
  if (window > 0) line.setWindow(window);
  const renewed = beat && (await beatOf(engine, beat, call));
  const results = await reportAll(engine, reports, call);
  if (renewed || results.length > 0) yield { results, ...renewed };
}

async function beatOf({ agents }: Engine, beat: AgentBeat, call: Call): Promise<WorkFrame> {
  actAs(call.principal, beat.agentId);
  const { leaseUntilMs, directives } = await agents.beat(callerOf(call), fromBeat(beat, "/beat"));
  return { leaseExpireTime: toTime(leaseUntilMs), directives: directives.map(toDirective) };
}

/** What the engine says to the agent. After Moved the stream ends with an error that says how. */
async function* said(
  engine: Engine,
  { sessionId, epoch }: StreamTasksRequest,
  event: WorkEvent,
): AsyncGenerator<StreamFrame> {
  switch (event.type) {
    case "assignments":
      return yield { assignments: event.assignments.map(toAssignment) };
    case "directives":
      return yield { directives: event.directives.map(toDirective) };
    case "idle":
      return yield progress(engine);
    case "moved": {
      const isReplaced = event.cause === "replaced";
      yield moved(isReplaced ? MoveCause.REPLACED : MoveCause.MAX_AGE);
      throw new Refused(
        isReplaced ? { code: "session_superseded", sessionId, epoch } : { code: "draining" },
      );
    }
    default:
      return unreachable(event);
  }
}

/** The engine has no more to say: the server shuts down, or the caller has gone. */
async function* closed({ signal, draining }: Call): AsyncGenerator<StreamFrame> {
  signal.throwIfAborted();
  if (!draining.aborted) return;
  yield moved(MoveCause.DRAIN);
  throw new Refused({ code: "draining" });
}

/** The first frame, so that the caller sees the stream open, and a sign of life. */
function progress({ journals }: Engine): StreamFrame {
  return {
    control: { control: { case: "progress", value: { storeTime: toTime(journals.nowMs()) } } },
  };
}

function moved(cause: MoveCause): StreamFrame {
  const retryAfter = toDuration(MOVED_RETRY_MS);
  return { control: { control: { case: "moved", value: { cause, retryAfter } } } };
}

function openedTwice(): Refused {
  const message = "goes into the first frame only";
  return new Refused({ code: "invalid_field", pointer: "/open", message });
}
