import type { DueKey, EntityKey } from "../store/store.ts";

/** Names of everything the engine keeps. The only place where they are made. */
export const agentKey = (ns: string, agentId: string): EntityKey => ({
  ns,
  kind: "agent",
  id: agentId,
});
export const sessionKey = (ns: string, sessionId: string): EntityKey => ({
  ns,
  kind: "session",
  id: sessionId,
});
export const templateKey = (ns: string, templateId: string): EntityKey => ({
  ns,
  kind: "template",
  id: templateId,
});
export const versionKey = (ns: string, templateId: string, version: string): EntityKey => ({
  ns,
  kind: "template_version",
  id: `${templateId}@${version}`,
});
export const runKey = (ns: string, runId: string): EntityKey => ({ ns, kind: "run", id: runId });
export const taskKey = (ns: string, taskId: string): EntityKey => ({
  ns,
  kind: "task",
  id: taskId,
});
/** The live lease of an agent on a task; its parent is the agent. */
export const leaseKey = (ns: string, taskId: string): EntityKey => ({
  ns,
  kind: "lease",
  id: taskId,
});
/** A recorded value of a run: of a step by its path, or `:input` and `:output` of the run itself. */
export const valueKey = (ns: string, runId: string, path: string): EntityKey => ({
  ns,
  kind: "step",
  id: `${runId}/${path}`,
});

export const RUN_INPUT = ":input";
export const RUN_OUTPUT = ":output";

export const TIMERS = "sys/timer";
export const SESSION_CHECKS = "sys/session-check";

/** The queue of the tasks that ask for a capability; "" for those that ask for none. */
export const taskQueue = (ns: string, capability: string): string => `task/${ns}/${capability}`;

export const leaseTimer = (ns: string, taskId: string, leaseEpoch: number): DueKey => ({
  queue: TIMERS,
  key: `task/${ns}/${taskId}/lease/${leaseEpoch}`,
});
export const queueTimer = (ns: string, taskId: string, leaseEpoch: number): DueKey => ({
  queue: TIMERS,
  key: `task/${ns}/${taskId}/queue/${leaseEpoch}`,
});
export const cancelTimer = (ns: string, taskId: string): DueKey => ({
  queue: TIMERS,
  key: `task/${ns}/${taskId}/cancel`,
});
export const deadlineTimer = (ns: string, runId: string): DueKey => ({
  queue: TIMERS,
  key: `run/${ns}/${runId}/deadline`,
});
export const retireTimer = (ns: string, runId: string): DueKey => ({
  queue: TIMERS,
  key: `run/${ns}/${runId}/retire`,
});

/** Gives the tasks of an ended session back. */
export const sessionEndTimer = (ns: string, sessionId: string): DueKey => ({
  queue: TIMERS,
  key: `session/${ns}/${sessionId}/end`,
});

/** Removes an ended session after its retention. */
export const sessionRetireTimer = (ns: string, sessionId: string): DueKey => ({
  queue: TIMERS,
  key: `session/${ns}/${sessionId}/retire`,
});

/** What a timer in `sys/timer` is for, as its payload. */
export type Timer =
  | {
      readonly type: "lease";
      readonly ns: string;
      readonly runId: string;
      readonly taskId: string;
      readonly leaseEpoch: number;
    }
  | {
      readonly type: "queue" | "cancel";
      readonly ns: string;
      readonly runId: string;
      readonly taskId: string;
    }
  | { readonly type: "deadline" | "retire"; readonly ns: string; readonly runId: string }
  | { readonly type: "retire_session"; readonly ns: string; readonly sessionId: string }
  /** Tasks of an ended session that are still to be given back. */
  | {
      readonly type: "session_ended";
      readonly ns: string;
      readonly agentId: string;
      readonly sessionId: string;
      readonly reason: string;
    };
