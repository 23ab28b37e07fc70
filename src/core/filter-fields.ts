/** What a field of a filter holds. */
export type FieldKind =
  | { readonly type: "text" | "number" | "bool" | "time" | "severity" | "text_map" | "json_map" }
  /** Values by their short names, in any case. */
  | { readonly type: "enum"; readonly values: readonly string[] }
  /** Only asked for membership, as in `'plan' in capabilities`. */
  | { readonly type: "names" };

/** The fields that a filter can name, by name; `failure.reason` is a name with a dot. */
export type FieldTable = Readonly<Record<string, FieldKind>>;

const text = { type: "text" } as const;
const number = { type: "number" } as const;
const time = { type: "time" } as const;
const textMap = { type: "text_map" } as const;
const oneOf = (...values: readonly string[]) => ({ type: "enum", values }) as const;

const agentStates = oneOf(
  ...["unspecified", "initializing", "idle", "active", "waiting", "error", "draining", "offline"],
);
const liveness = oneOf("unspecified", "live", "suspect", "stalled", "lost");
const runStates = oneOf("running", "cancelling", "succeeded", "failed", "cancelled");
const taskStates = oneOf(
  ...["queued", "assigned", "running", "retry_wait", "succeeded", "failed", "cancelled"],
);

const AGENT = {
  agent_id: text,
  state: agentStates,
  liveness,
  version: text,
  labels: textMap,
  capabilities: { type: "names" },
} as const satisfies FieldTable;

const RUN = {
  run_id: text,
  state: runStates,
  template_id: text,
  template_version: text,
  labels: textMap,
  priority: number,
  actor: text,
  trace_id: text,
  "failure.reason": text,
} as const satisfies FieldTable;

export const AGENT_FIELDS: FieldTable = { ...AGENT, create_time: time, update_time: time };

export const RUN_FIELDS: FieldTable = { ...RUN, create_time: time, end_time: time };

export const TASK_FIELDS: FieldTable = {
  task_id: text,
  run_id: text,
  step_path: text,
  state: taskStates,
  capability: text,
  agent_id: text,
  attempt: number,
  "failure.reason": text,
  create_time: time,
};

export const AGENT_ENTRY_FIELDS: FieldTable = {
  ...AGENT,
  kind: oneOf(
    ...["registered", "updated", "deregistered", "session_opened", "session_closed"],
    ...["state_changed", "liveness_changed"],
  ),
  actor: text,
  time,
};

export const RUN_ENTRY_FIELDS: FieldTable = {
  ...RUN,
  create_time: time,
  end_time: time,
  kind: oneOf("run", "step", "task", "late_report", "template"),
  time,
  step_path: text,
  task_id: text,
  agent_id: text,
};

export const LOG_FIELDS: FieldTable = {
  kind: oneOf("operation", "dropped"),
  operation: text,
  severity: { type: "severity" },
  actor: text,
  agent_id: text,
  run_id: text,
  task_id: text,
  step_path: text,
  trace_id: text,
  time,
  message: text,
  attributes: { type: "json_map" },
};
