import type { Agent, AgentSpec, AgentState, Liveness, Session } from "../core/agent.ts";
import type { Filter } from "../core/filter.ts";
import type { JsonObject } from "../core/json.ts";
import type { Answer, Caller } from "./caller.ts";

/** An agent as it is read: its state with what the store knows beside it. */
export interface AgentRecord {
  readonly agent: Agent;
  readonly revision: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Live leases of its tasks: counted, never estimated. */
  readonly slotsUsed: number;
  /** End of its session's lease, Unix ms; absent without an open session. */
  readonly leaseUntilMs?: number;
}

export interface SessionOptions {
  readonly leaseMs: number;
  readonly ifLive: "take_over" | "fail";
  readonly peer: string;
}

/** A state that an agent, or somebody for it, reports. */
export interface StateReport {
  readonly agentId: string;
  readonly session?: { readonly sessionId: string; readonly epoch: number };
  /** Absent: unchanged, only the words are new. */
  readonly state?: AgentState;
  readonly statusText: string;
  readonly details?: JsonObject;
  readonly eventTimeMs?: number;
}

/** A task that an agent says it holds. */
export interface HeldTask {
  readonly taskId: string;
  readonly leaseEpoch: number;
  /** Grows when the work moves on. */
  readonly progress: number;
  readonly ratio: number;
  readonly note: string;
}

export interface Beat {
  readonly agentId: string;
  readonly sessionId: string;
  readonly epoch: number;
  /** Absent: unchanged. */
  readonly state?: AgentState;
  readonly statusText?: string;
  /** Every task it holds: a lease that is not listed is not renewed. */
  readonly held: readonly HeldTask[];
}

/** What the server wants from an agent. */
export type Directive =
  | {
      readonly type: "cancel_task";
      readonly taskId: string;
      readonly leaseEpoch: number;
      readonly reason: string;
      readonly deadlineMs: number;
    }
  | {
      readonly type: "drop_task";
      readonly taskId: string;
      readonly leaseEpoch: number;
      readonly reason: string;
    }
  | { readonly type: "reopen_stream" };

export interface BeatAnswer {
  readonly leaseUntilMs: number;
  readonly directives: readonly Directive[];
}

/** A page of something, with where to go on and the head of its journal from before it was read. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: { readonly id: string; readonly createdMs: number };
  readonly at: bigint;
}

export interface PageOptions {
  readonly filter?: Filter;
  readonly limit: number;
  readonly after?: { readonly id: string; readonly createdMs: number };
}

/** Agents, their sessions and what they report. */
export interface Agents {
  /** Without an id the server makes one. With `open`, the session is opened in the same commit. */
  register(
    caller: Caller,
    agent: { readonly agentId?: string; readonly spec: AgentSpec; readonly open?: SessionOptions },
  ): Promise<Answer<{ readonly record: AgentRecord; readonly created: boolean }>>;
  /** @throws {Refused} `not_found`, also for removed agents. */
  get(ns: string, agentId: string): Promise<AgentRecord>;
  /** By id. Examines at most `page_scan_items`, so a page may be short and still have a `next`. */
  list(ns: string, options: PageOptions): Promise<Page<AgentRecord>>;
  update(
    caller: Caller,
    agentId: string,
    change: (spec: AgentSpec) => AgentSpec,
    expectedRevision: number | undefined,
  ): Promise<Answer<AgentRecord>>;
  deregister(caller: Caller, agentId: string, force: boolean): Promise<Answer<AgentRecord>>;
  openSession(
    caller: Caller,
    agentId: string,
    options: SessionOptions,
  ): Promise<Answer<SessionRecord>>;
  closeSession(
    caller: Caller,
    sessionId: string,
    epoch: number,
  ): Promise<Answer<{ readonly tasksRequeued: number }>>;
  /** Newest first. */
  sessions(
    ns: string,
    agentId: string,
    options: Omit<PageOptions, "filter">,
  ): Promise<Page<SessionRecord>>;
  report(
    caller: Caller,
    report: StateReport,
  ): Promise<
    Answer<{ readonly revision: number; readonly state: AgentState; readonly liveness: Liveness }>
  >;
  /** Renews the session's lease and those of the tasks listed. Writes no history unless something changed. */
  beat(caller: Caller, beat: Beat): Promise<BeatAnswer>;
  /** The agent's open session, fenced. @throws {Refused} `session_superseded`, `session_closed`, `not_found`. */
  session(
    ns: string,
    sessionId: string,
    epoch: number,
  ): Promise<{ readonly agent: Agent; readonly session: Session }>;
}

export interface SessionRecord {
  readonly session: Session;
  /** Absent once it ended. */
  readonly leaseUntilMs?: number;
}
