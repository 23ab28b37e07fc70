import { setTimeout as delay } from "node:timers/promises";
import { create, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { durationMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { type ClientDuplexStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { type Callback, createGrpcJsClient } from "opscore/grpc-js";
import {
  LifecycleService,
  type RegisterAgentResponse,
  type Session,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService, Severity } from "../../gen/opscore/v1/logging_pb.ts";
import {
  type TaskAssignment,
  type TaskReport,
  TaskReportSchema,
  TaskService,
  type WorkTasksResponse,
} from "../../gen/opscore/v1/task_pb.ts";

/** A failure that the agent reports instead of an output. */
export class TaskFailed extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface GrpcAgent {
  /** Host and port of the server. */
  readonly address: string;
  readonly agentId: string;
  readonly capabilities: readonly { readonly name: string; readonly version?: string }[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly handle: (task: TaskAssignment, input: JsonObject) => Promise<JsonObject>;
  readonly signal: AbortSignal;
}

const RECONNECT_MS = 200;
/** Errors that mean: this session is over, open another. */
const SESSION_OVER = new Set<number>([
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.ABORTED,
]);

/**
 * An agent over `@grpc/grpc-js`: one two-way stream brings tasks down and takes
 * reports and heartbeats up. It outlives restarts of the server: outcomes are
 * kept until the server has answered them, and a session goes on where it was.
 */
export async function runGrpcAgent(agent: GrpcAgent): Promise<void> {
  const line = new AgentLine(agent);
  while (!agent.signal.aborted) {
    await line.work();
    await delay(RECONNECT_MS);
  }
  line.close();
}

type Stream = ClientDuplexStream<object, WorkTasksResponse>;

class AgentLine {
  readonly #agent: GrpcAgent;
  readonly #lifecycle;
  readonly #tasks;
  readonly #logging;
  /** Tasks being worked on. */
  readonly #held = new Map<string, TaskAssignment>();
  /** Outcomes that the server has not answered yet. */
  readonly #unanswered = new Map<string, TaskReport>();
  #session: Session | undefined;

  constructor(agent: GrpcAgent) {
    const to = [agent.address, credentials.createInsecure()] as const;
    this.#agent = agent;
    this.#lifecycle = createGrpcJsClient(LifecycleService, ...to);
    this.#tasks = createGrpcJsClient(TaskService, ...to);
    this.#logging = createGrpcJsClient(LoggingService, ...to);
  }

  /** Works until the stream breaks. */
  async work(): Promise<void> {
    try {
      this.#session ??= await this.#openSession();
      await this.#stream(this.#session);
    } catch (error) {
      if (SESSION_OVER.has((error as ServiceError).code)) this.#session = undefined;
    }
  }

  close(): void {
    for (const client of [this.#lifecycle, this.#tasks, this.#logging]) client.close();
  }

  async #openSession(): Promise<Session> {
    const { agentId, capabilities, labels = {} } = this.#agent;
    const spec = { capabilities: [...capabilities], labels: { ...labels }, slots: 2 };
    const answer = await new Promise<RegisterAgentResponse>((resolve, reject) => {
      this.#lifecycle.registerAgent({ agentId, spec, openSession: {} }, settled(resolve, reject));
    });
    if (answer.agent?.session === undefined) throw new Error("the answer holds no session");
    return answer.agent.session;
  }

  async #stream({ sessionId, epoch, heartbeatInterval }: Session): Promise<void> {
    const { agentId, signal } = this.#agent;
    const stream = this.#tasks.workTasks();
    const beatMs = heartbeatInterval === undefined ? 1_000 : durationMs(heartbeatInterval);
    const timer = setInterval(() => {
      const held = [...this.#held.values()].map(({ taskId, leaseEpoch }) => ({
        taskId,
        leaseEpoch,
      }));
      stream.write({ beat: { agentId, sessionId, epoch, held } });
    }, beatMs);
    const leave = () => stream.cancel();
    signal.addEventListener("abort", leave, { once: true });
    try {
      stream.write({ open: { sessionId, epoch }, reports: [...this.#unanswered.values()] });
      for await (const frame of stream as AsyncIterable<WorkTasksResponse>)
        this.#take(stream, frame);
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", leave);
    }
  }

  #take(stream: Stream, { assignments, results }: WorkTasksResponse): void {
    for (const { taskId } of results) this.#unanswered.delete(taskId);
    for (const task of assignments) {
      const { taskId, leaseEpoch } = task;
      // An offer can come twice: it is the same task under the same lease.
      if (this.#held.get(taskId)?.leaseEpoch === leaseEpoch) continue;
      this.#held.set(taskId, task);
      stream.write({ reports: [{ taskId, leaseEpoch, report: { case: "ack", value: {} } }] });
      void this.#perform(stream, task);
    }
  }

  async #perform(stream: Stream, task: TaskAssignment): Promise<void> {
    this.#log(task, `starts ${task.stepPath}, attempt ${task.attempt}`);
    const report = await this.#outcomeOf(task);
    this.#held.delete(task.taskId);
    this.#unanswered.set(task.taskId, report);
    // If the stream is gone, the next one sends it again.
    stream.write({ reports: [report] });
  }

  async #outcomeOf(task: TaskAssignment): Promise<TaskReport> {
    const { taskId, leaseEpoch, input } = task;
    const json = input?.data.case === "json" ? toJson(ValueSchema, input.data.value) : {};
    const key = { taskId, leaseEpoch };
    try {
      const output = fromJson(ValueSchema, await this.#agent.handle(task, json as JsonObject));
      this.#log(task, `finished ${task.stepPath}`);
      const value = { output: { data: { case: "json", value: output } } } as const;
      return create(TaskReportSchema, { ...key, report: { case: "complete", value } });
    } catch (error) {
      const { reason = "AGENT_ERROR", message } = error as Partial<TaskFailed> & Error;
      this.#log(task, `failed ${task.stepPath}: ${reason}`, Severity.WARN);
      const value = { failure: { reason, message } };
      return create(TaskReportSchema, { ...key, report: { case: "fail", value } });
    }
  }

  #log(task: TaskAssignment, message: string, severity: Severity = Severity.INFO): void {
    const { agentId } = this.#agent;
    const { taskId, runId, stepPath } = task;
    const entry = { operation: "agent.work", severity, message, agentId, taskId, runId, stepPath };
    // A lost line is no reason to stop the work.
    this.#logging.logOperations({ entries: [entry] }, () => undefined);
  }
}

function settled<T>(resolve: (value: T) => void, reject: (error: Error) => void): Callback<T> {
  return (error, response) => {
    if (error !== null) reject(error);
    else if (response !== undefined) resolve(response);
  };
}
