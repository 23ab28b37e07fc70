import type { JsonObject } from "./json.ts";

/** What an agent reports about itself. `unspecified`: nothing yet. */
export type AgentState =
  | "unspecified"
  | "initializing"
  | "idle"
  | "active"
  | "waiting"
  | "error"
  | "draining"
  | "offline";

/** What the server observes, whatever the agent reports. `unspecified`: no session is open. */
export type Liveness = "unspecified" | "live" | "suspect" | "stalled" | "lost";

export interface Capability {
  readonly name: string;
  /** Semantic version; absent is 0.0.0. */
  readonly version?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
}

/** What the agent's owner says about it. Replaced as a whole by a registration. */
export interface AgentSpec {
  readonly displayName?: string;
  readonly description?: string;
  readonly version?: string;
  readonly capabilities: readonly Capability[];
  readonly labels: Readonly<Record<string, string>>;
  /** Tasks it takes at the same time, from 1. */
  readonly slots: number;
}

/** One incarnation of an agent's process. */
export interface Session {
  readonly sessionId: string;
  readonly agentId: string;
  /** The fencing number: one more than the session before, over the agent's whole life. */
  readonly epoch: number;
  readonly leaseMs: number;
  readonly openedAtMs: number;
  /** Who opened it and from where, for operators. */
  readonly peer: string;
  readonly closedAtMs?: number;
  readonly closeReason?: string;
}

export interface Agent {
  readonly agentId: string;
  readonly spec: AgentSpec;
  /** The agent's word. Observation never changes it; closing its session makes it `offline`. */
  readonly state: AgentState;
  readonly statusText: string;
  readonly details?: JsonObject;
  readonly liveness: Liveness;
  /** The latest session, open or closed. Kept over a removal, so that epochs go on. */
  readonly session?: Session;
  readonly stateAtMs: number;
  readonly registeredAtMs: number;
  /** Deregistered: invisible, but sequence and epochs go on if the id comes back. */
  readonly removed: boolean;
}

export type AgentCommand =
  | { readonly type: "register"; readonly agentId: string; readonly spec: AgentSpec }
  | { readonly type: "update"; readonly spec: AgentSpec }
  | { readonly type: "deregister"; readonly force: boolean; readonly leases: number }
  | {
      readonly type: "open_session";
      readonly sessionId: string;
      readonly leaseMs: number;
      readonly peer: string;
      readonly ifLive: "take_over" | "fail";
    }
  | {
      readonly type: "close_session";
      readonly sessionId: string;
      readonly epoch: number;
      readonly reason: string;
    }
  | {
      readonly type: "report";
      readonly state: AgentState;
      readonly statusText: string;
      readonly details?: JsonObject;
      /** With a session: fenced by it. Without: last arrival wins. */
      readonly session?: { readonly sessionId: string; readonly epoch: number };
      readonly eventTimeMs?: number;
    }
  /** The session's check or lease time came; `untilMs` is when its lease ends as the store knows it. */
  | {
      readonly type: "check_session";
      readonly epoch: number;
      readonly untilMs: number;
      readonly leaseMs: number;
    }
  /** A beat of the session arrived. `stalled`: a held task makes no progress, or offers lapse unseen. */
  | {
      readonly type: "heard";
      readonly sessionId: string;
      readonly epoch: number;
      readonly stalled: boolean;
    };

export type AgentEvent =
  | { readonly type: "registered"; readonly agentId: string; readonly spec: AgentSpec }
  | { readonly type: "updated"; readonly spec: AgentSpec }
  | { readonly type: "deregistered" }
  | { readonly type: "session_opened"; readonly session: Session }
  | {
      readonly type: "session_closed";
      readonly sessionId: string;
      readonly epoch: number;
      readonly reason: string;
    }
  | {
      readonly type: "state_changed";
      readonly from: AgentState;
      readonly to: AgentState;
      readonly statusText: string;
      readonly details?: JsonObject;
      readonly eventTimeMs?: number;
    }
  | { readonly type: "liveness_changed"; readonly from: Liveness; readonly to: Liveness };

/** The fields of an agent that filters of its entries can name. */
export interface AgentView {
  readonly state: AgentState;
  readonly liveness: Liveness;
  readonly version?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
}

/** An event as it is stored in the journal `agents`. */
export interface AgentEntryBody {
  readonly event: AgentEvent;
  /** The decision's own time, Unix ms. */
  readonly atMs: number;
  readonly actor: string;
  readonly reason?: string;
  readonly requestId?: string;
  /** Before and after; `was` is absent when nothing of it changed. */
  readonly was?: AgentView;
  readonly is: AgentView;
}
