import type { AgentState, Liveness } from "../../../gen/opscore/v1/lifecycle_pb.ts";

// Short names of the contract's enums, for flags. A test holds them equal.

export const AGENT_STATES = [
  ...["UNSPECIFIED", "INITIALIZING", "IDLE", "ACTIVE"],
  ...["WAITING", "ERROR", "DRAINING", "OFFLINE"],
] as const satisfies readonly (keyof typeof AgentState)[];

export const LIVENESS = [
  ...["UNSPECIFIED", "LIVE", "SUSPECT", "STALLED", "LOST"],
] as const satisfies readonly (keyof typeof Liveness)[];
