import type { AgentState, Liveness } from "./agent.ts";

/**
 * The whole state machine of what agents say: a state maps to the states an
 * agent may report next. Saying the same again is always allowed. Only the
 * server leaves the table: opening a session makes an agent `initializing`.
 */
export const TRANSITIONS: Readonly<Record<AgentState, readonly AgentState[]>> = {
  unspecified: ["initializing", "idle", "active", "waiting", "error", "draining", "offline"],
  initializing: ["idle", "active", "error", "offline"],
  idle: ["active", "error", "draining", "offline"],
  active: ["idle", "waiting", "error", "draining", "offline"],
  waiting: ["idle", "active", "error", "draining", "offline"],
  error: ["idle", "offline"],
  draining: ["error", "offline"],
  offline: ["initializing"],
};

/** What observation can come to next. Only opening a session leaves `unspecified`. */
export const LIVENESS_MOVES: Readonly<Record<Liveness, readonly Liveness[]>> = {
  unspecified: ["live"],
  live: ["suspect", "stalled", "lost", "unspecified"],
  suspect: ["live", "stalled", "lost", "unspecified"],
  stalled: ["live", "suspect", "lost", "unspecified"],
  lost: ["live", "stalled", "unspecified"],
};
