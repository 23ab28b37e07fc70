/** One limit: what it bounds, in which unit, and its default. Settings may change it. */
export interface Limit {
  readonly value: number;
  readonly unit: "bytes" | "items" | "ms" | "per_second" | "levels";
  readonly about: string;
}

/**
 * Every limit of the rules, by name. The same names, in upper snake case behind
 * `OPSCORE_LIMIT_`, are settings; GetServerInfo lists them. Reasons for the
 * numbers: docs/limits.md.
 */
export const LIMITS = {
  payload_bytes: { value: 256 * 1024, unit: "bytes", about: "input or output of a run or task" },
  details_bytes: { value: 16 * 1024, unit: "bytes", about: "details of a state report or failure" },
  template_source_bytes: { value: 256 * 1024, unit: "bytes", about: "source text of a template" },
  template_canonical_bytes: {
    value: 1024 * 1024,
    unit: "bytes",
    about: "canonical form of a template",
  },
  template_steps: { value: 500, unit: "items", about: "steps of a template" },
  template_dependencies: { value: 5_000, unit: "items", about: "dependencies between steps" },
  template_fields: {
    value: 10_000,
    unit: "items",
    about: "fields of inputs, values and outputs of a template",
  },
  template_depth: { value: 32, unit: "levels", about: "nested blocks of a template" },
  run_timeout_ms: { value: 30 * 86_400_000, unit: "ms", about: "wall time of a run" },
  attempts: { value: 100, unit: "items", about: "attempts of a task" },
  releases: {
    value: 16,
    unit: "items",
    about: "times a task is given back without using its attempt",
  },
  attempt_timeout_ms: { value: 86_400_000, unit: "ms", about: "one attempt" },
  retry_delay_ms: { value: 86_400_000, unit: "ms", about: "delay between two attempts" },
  offer_ms: { value: 10_000, unit: "ms", about: "time to acknowledge an offered task" },
  lease_ms: { value: 30_000, unit: "ms", about: "default length of a session's lease" },
  lease_min_ms: { value: 3_000, unit: "ms", about: "shortest lease of a session" },
  lease_max_ms: { value: 600_000, unit: "ms", about: "longest lease of a session" },
  long_poll_ms: { value: 30_000, unit: "ms", about: "longest wait of a unary call" },
  page_items: { value: 1_000, unit: "items", about: "items of a page" },
  page_bytes: { value: 3 * 1024 * 1024, unit: "bytes", about: "one page or frame" },
  page_scan_items: { value: 10_000, unit: "items", about: "rows examined for one page" },
  frame_items: { value: 200, unit: "items", about: "entries of a stream frame" },
  frame_bytes: { value: 256 * 1024, unit: "bytes", about: "a stream frame" },
  log_row_bytes: {
    value: 64 * 1024,
    unit: "bytes",
    about: "one log entry; more is cut and flagged",
  },
  log_rate_per_second: { value: 1_000, unit: "per_second", about: "log entries of one agent" },
  log_burst_items: { value: 5_000, unit: "items", about: "log entries of one agent at once" },
  slots: { value: 1_000, unit: "items", about: "tasks an agent holds at the same time" },
  progress_ms: { value: 10_000, unit: "ms", about: "longest silence of a stream" },
  stream_age_ms: {
    value: 3_600_000,
    unit: "ms",
    about: "age at which a stream asks to be opened again",
  },
  reply_ttl_ms: {
    value: 86_400_000,
    unit: "ms",
    about: "how long the answer to a request_id is kept",
  },
  journal_retention_ms: {
    value: 30 * 86_400_000,
    unit: "ms",
    about: "how long journals and ended runs are kept",
  },
  log_retention_ms: { value: 7 * 86_400_000, unit: "ms", about: "how long logs are kept" },
  sweep_ms: { value: 1_000, unit: "ms", about: "longest pause between two looks for due work" },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof LIMITS;

/** The limits in force, by name. */
export type Limits = Readonly<Record<LimitName, number>>;

/** The defaults, with some replaced. */
export function limitsWith(changed: Partial<Limits> = {}): Limits {
  const names = Object.keys(LIMITS) as LimitName[];
  return Object.fromEntries(
    names.map((name) => [name, changed[name] ?? LIMITS[name].value]),
  ) as Limits;
}
