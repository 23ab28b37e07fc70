const KINDS = ["agent", "session", "template", "run", "step", "task", "lease"] as const;

/**
 * Places at the boundaries of commits where a test can have the process die: each must leave
 * nothing that recovery does not see to. `decided` and `committed` are about a commit that writes
 * an entity of the kind.
 */
export const FAILPOINTS = [
  ...KINDS.map((kind) => `decided.${kind}` as const),
  ...KINDS.map((kind) => `committed.${kind}` as const),
  ...(["request.kept", "hand-out.reserved", "hand-out.committed"] as const),
  ...(["due.claimed", "due.handled", "session-end.task", "retire.slice"] as const),
  ...(["answer.ready", "frame.ready"] as const),
  ...(["batch.begun", "batch.written", "batch.committed", "commit.answered"] as const),
  ...(["commit.checked", "commit.entities", "commit.entries", "commit.written"] as const),
  ...(["claim.written", "timers.moved", "beats.written", "sweep.written"] as const),
  ...(["floor.raised", "trim.deleted", "checkpoint.begun", "checkpoint.done"] as const),
  ...(["migration.run", "migration.done"] as const),
  ...(["log-day.created", "log-rows.written", "log-rows.committed"] as const),
  ...(["log-head.written", "log-head.committed", "log-floor.raised", "log-day.removed"] as const),
];

export type FailpointName = (typeof FAILPOINTS)[number];

/** Where to die, and at the how manyeth time in the same thread. */
export interface Failpoint {
  readonly name: FailpointName;
  readonly hit: number;
}

let armed: Failpoint | undefined;
let hits = 0;

/** What is armed here, for threads to arm as well. */
export function armedFailpoint(): Failpoint | undefined {
  return armed;
}

export function arm(failpoint: Failpoint | undefined): void {
  [armed, hits] = [failpoint, 0];
}

/** Dies here, at once and without a word, if that was asked for. */
export function failpoint(name: FailpointName): void {
  if (armed?.name === name && ++hits === armed.hit) process.kill(process.pid, "SIGKILL");
}

/** `name:hit=3:kill`, as OPSCORE_FAILPOINT says it; without `hit`, the first. */
export function parseFailpoint(text: string): Failpoint | undefined {
  const [, found, hit = "1"] = /^([\w.-]+)(?::hit=([1-9]\d*))?:kill$/.exec(text) ?? [];
  const name = FAILPOINTS.find((one) => one === found);
  return name && { name, hit: Number(hit) };
}
