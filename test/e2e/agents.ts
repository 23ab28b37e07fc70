import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema, ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import { AgentState, type Session } from "../../gen/opscore/v1/lifecycle_pb.ts";
import {
  Disposition,
  type TaskAssignment,
  type TaskReportResult,
  type TaskReportSchema,
  type WorkTasksRequestSchema,
} from "../../gen/opscore/v1/task_pb.ts";
import type { OpsClient } from "../../src/client/index.ts";
import { Feed } from "./feed.ts";

const INSIST_MS = 240_000;
const PAUSE_MS = 20;
const BEAT_MS = 250;
const SLOTS = 3;

/** A completion as its agent knows it. */
export interface Completion {
  readonly agentId: string;
  readonly taskId: string;
  readonly leaseEpoch: number;
  readonly output: string;
}

/**
 * What the agents and their users know by themselves, without asking the server:
 * what they were given, and what it has acknowledged. The oracle of the test.
 */
export class Ledger {
  /** Runs whose start was acknowledged. */
  readonly runs: string[] = [];
  readonly handOuts: { readonly agentId: string; readonly task: TaskAssignment }[] = [];
  readonly completions: Completion[] = [];
  readonly failures: { readonly taskId: string; readonly leaseEpoch: number }[] = [];
  readonly states: {
    readonly agentId: string;
    readonly text: string;
    readonly revision: number;
  }[] = [];
  /** Reports that were refused, by reason. */
  readonly refused: ErrorReason[] = [];
  /** Handed out, and not known to be over. */
  readonly open = new Set<string>();
}

export interface AgentSetup {
  readonly agentId: string;
  readonly ops: OpsClient;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
}

/** Asks until it is answered: by the server's word, not by a connection that broke. */
export async function insist<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const endMs = performance.now() + INSIST_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isOver = signal?.aborted === true || performance.now() > endMs;
      if (isOver || reasonOf(error) !== undefined) throw error;
    }
    await delay(PAUSE_MS);
  }
}

/** Why the server refused; nothing for a connection that broke or a server that is going or coming. */
export function reasonOf(error: unknown): ErrorReason | undefined {
  if (!(error instanceof ConnectError)) throw error;
  if (error.code === Code.Unavailable) return undefined;
  return error.findDetails(ErrorDetailSchema)[0]?.reason;
}

const SESSION_OVER: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.SESSION_NOT_FOUND,
  ErrorReason.SESSION_SUPERSEDED,
  ErrorReason.SESSION_CLOSED,
]);

type Report = MessageInitShape<typeof TaskReportSchema>;

/** What every agent of the test does, whatever line it works on. */
abstract class Agent {
  protected readonly setup: AgentSetup;
  readonly #taken = new Set<string>();
  #states = 0;

  constructor(setup: AgentSetup) {
    this.setup = setup;
  }

  /** Works until it is told to stop, through whatever happens to the server. */
  async run(): Promise<void> {
    const { signal } = this.setup;
    let session: Session | undefined;
    while (!signal.aborted) {
      session ??= await this.#open();
      const reason = await this.work(session).then(() => undefined, reasonOf);
      if (reason !== undefined && SESSION_OVER.has(reason)) session = undefined;
      else if (reason !== undefined && !signal.aborted) throw new Error(`refused: ${reason}`);
      await delay(PAUSE_MS);
    }
  }

  /** Takes tasks and reports on them, until the connection breaks. */
  protected abstract work(session: Session): Promise<void>;

  async #open(): Promise<Session> {
    const { ops, agentId, signal } = this.setup;
    const spec = { capabilities: [{ name: "work" }], slots: SLOTS };
    const { agent } = await insist(
      () => ops.lifecycle.registerAgent({ agentId, spec, openSession: {} }),
      signal,
    );
    if (agent?.session === undefined) throw new Error("no session");
    return agent.session;
  }

  /** False for a task that it was given before under the same lease. */
  protected take(task: TaskAssignment): boolean {
    const { ledger, agentId } = this.setup;
    const key = keyOf(task);
    if (this.#taken.has(key)) return false;
    this.#taken.add(key);
    ledger.handOuts.push({ agentId, task });
    ledger.open.add(key);
    return true;
  }

  /** Some tasks fail at their first attempt. */
  protected async perform(task: TaskAssignment): Promise<Report> {
    const { taskId, leaseEpoch, attempt } = task;
    const turn = this.#taken.size;
    await delay((turn * 7) % 40);
    const key = { taskId, leaseEpoch, reportSeq: turn };
    if (attempt === 1 && turn % 9 === 0) {
      const value = { failure: { reason: "UNLUCKY" } };
      return { ...key, report: { case: "fail", value } };
    }
    return { ...key, report: { case: "complete", value: { output: textOf(outputOf(task)) } } };
  }

  /** The server's word on a report. */
  protected answered(task: TaskAssignment, report: Report, said: Disposition | ErrorReason): void {
    const { ledger, agentId } = this.setup;
    const { taskId, leaseEpoch } = task;
    ledger.open.delete(keyOf(task));
    if (report.report?.case === "fail") ledger.failures.push({ taskId, leaseEpoch });
    else ledger.completions.push({ agentId, taskId, leaseEpoch, output: outputOf(task) });
    if (said === Disposition.LATE) throw new Error("nobody cancels here");
  }

  protected refused(task: TaskAssignment, reason: ErrorReason): void {
    const { ledger } = this.setup;
    ledger.open.delete(keyOf(task));
    ledger.refused.push(reason);
  }

  /** Says what it does, in words that come once. */
  protected async say(session: Session): Promise<void> {
    const { ops, agentId, ledger, signal } = this.setup;
    const text = `step ${++this.#states}`;
    const { sessionId, epoch } = session;
    const report = { agentId, sessionId, epoch, state: AgentState.ACTIVE, statusText: text };
    const requestId = `${agentId}-${text}`;
    const { revision } = await insist(
      () => ops.lifecycle.reportState({ report, requestId }),
      signal,
    );
    ledger.states.push({ agentId, text, revision });
  }
}

/** Polls, and reports one by one. */
export class PollingAgent extends Agent {
  protected async work(session: Session): Promise<void> {
    const { ops, signal } = this.setup;
    const { sessionId, epoch } = session;
    await insist(() => this.#ready(session), signal);
    while (!signal.aborted) {
      const request = { sessionId, epoch, maxTasks: SLOTS, wait: { seconds: 2n } };
      const { assignments } = await ops.task.pollTasks(request, { signal });
      await Promise.all(assignments.map((task) => this.#finish(task)));
      await this.say(session);
    }
  }

  async #ready({ sessionId, epoch }: Session): Promise<void> {
    const { ops, agentId } = this.setup;
    const report = { agentId, sessionId, epoch, state: AgentState.IDLE };
    await ops.lifecycle.reportState({ report });
  }

  async #finish(task: TaskAssignment): Promise<void> {
    if (!this.take(task)) return;
    const { taskId, leaseEpoch } = task;
    const { ops, signal } = this.setup;
    try {
      await insist(() => ops.task.ackTask({ taskId, leaseEpoch }), signal);
      const report = await this.perform(task);
      const disposition = await insist(() => this.#send(taskId, leaseEpoch, report), signal);
      this.answered(task, report, disposition);
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined) throw error;
      this.refused(task, reason);
    }
  }

  async #send(taskId: string, leaseEpoch: number, { report }: Report): Promise<Disposition> {
    const { task } = this.setup.ops;
    const key = { taskId, leaseEpoch };
    const { receipt } =
      report?.case === "fail"
        ? await task.failTask({ ...key, fail: report.value })
        : await task.completeTask({ ...key, output: textOf(outputOf(key)) });
    return receipt?.disposition ?? Disposition.UNSPECIFIED;
  }
}

type Said = MessageInitShape<typeof WorkTasksRequestSchema>;

/** Does everything on one two-way stream. What was not answered is sent again on the next. */
export class StreamingAgent extends Agent {
  readonly #held = new Map<string, TaskAssignment>();
  readonly #unanswered = new Map<string, { task: TaskAssignment; report: Report }>();

  protected async work(session: Session): Promise<void> {
    const { agentId, ops, signal } = this.setup;
    const { sessionId, epoch } = session;
    const said = new Feed<Said>();
    const leaving = new AbortController();
    const beat = () => {
      const held = [...this.#held.values()].map(({ taskId, leaseEpoch }) => ({
        taskId,
        leaseEpoch,
      }));
      said.push({ beat: { agentId, sessionId, epoch, state: AgentState.ACTIVE, held } });
    };
    const timer = setInterval(beat, BEAT_MS);
    try {
      const reports = [...this.#unanswered.values()].map(({ report }) => report);
      said.push({ open: { sessionId, epoch }, reports });
      const either = AbortSignal.any([signal, leaving.signal]);
      for await (const frame of ops.task.workTasks(said, { signal: either })) {
        for (const result of frame.results) this.#take(result);
        for (const task of frame.assignments) void this.#finish(task, said);
        if (frame.results.length > 0) await this.say(session);
      }
    } finally {
      clearInterval(timer);
      said.end();
      leaving.abort();
    }
  }

  async #finish(task: TaskAssignment, said: Feed<Said>): Promise<void> {
    if (!this.take(task)) return;
    const { taskId, leaseEpoch } = task;
    const key = keyOf(task);
    this.#held.set(key, task);
    said.push({ reports: [{ taskId, leaseEpoch, report: { case: "ack", value: {} } }] });
    const report = await this.perform(task);
    this.#held.delete(key);
    this.#unanswered.set(key, { task, report });
    said.push({ reports: [report] });
  }

  #take({ taskId, reportSeq, result }: TaskReportResult): void {
    // Answers to acks have no number.
    if (reportSeq === 0) return;
    for (const [key, { task, report }] of this.#unanswered) {
      if (report.reportSeq !== reportSeq || task.taskId !== taskId) continue;
      this.#unanswered.delete(key);
      if (result.case === "receipt") this.answered(task, report, result.value.disposition);
      if (result.case === "error") this.refused(task, result.value.detail?.reason ?? 0);
    }
  }
}

type Key = Pick<TaskAssignment, "taskId" | "leaseEpoch">;

export function keyOf({ taskId, leaseEpoch }: Key): string {
  return `${taskId}/${leaseEpoch}`;
}

/** Says who made it: two attempts never say the same. */
function outputOf(key: Key): string {
  return `made under ${keyOf(key)}`;
}

function textOf(text: string) {
  return { data: { case: "json", value: { kind: { case: "stringValue", value: text } } } } as const;
}
