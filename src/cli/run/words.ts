import type { RunState } from "../../../gen/opscore/v1/workflow_pb.ts";

// Short names of the contract's enum, for flags. A test holds them equal.

export const RUN_STATES = [
  ...["UNSPECIFIED", "RUNNING", "CANCELLING"],
  ...["SUCCEEDED", "FAILED", "CANCELLED"],
] as const satisfies readonly (keyof typeof RunState)[];
