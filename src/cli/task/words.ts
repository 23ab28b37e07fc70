import type { TaskState } from "../../../gen/opscore/v1/task_pb.ts";

// Short names of the contract's enum, for flags. A test holds them equal.

export const TASK_STATES = [
  ...["UNSPECIFIED", "QUEUED", "ASSIGNED", "RUNNING"],
  ...["RETRY_WAIT", "SUCCEEDED", "FAILED", "CANCELLED"],
] as const satisfies readonly (keyof typeof TaskState)[];
