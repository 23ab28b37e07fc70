/** A bug to plant: the tests are worth what they say only if one of them fails with it. */
export interface Bug {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly becomes: string;
  /** What it breaks. */
  readonly promise: string;
  /** The test file that must fail. */
  readonly test: string;
  /** Part of the name of the test that must fail; absent: any of the file. */
  readonly named?: string;
}

type Row = readonly [
  name: string,
  text: string,
  becomes: string,
  promise: string,
  test: string,
  named?: string,
];

/** The bugs of one file. */
function inFile(file: string, ...rows: readonly Row[]): Bug[] {
  return rows.map(([name, text, becomes, promise, test, named]) => {
    const bug = { name, file, text, becomes, promise, test: `test/${test}.test.ts` };
    return named === undefined ? bug : { ...bug, named };
  });
}

const STORE: readonly Bug[] = [
  ...inFile(
    "src/store/sqlite/commit.ts",
    [
      "version-unchecked",
      "if ((row?.version ?? 0) !== version) throw",
      "if (false) throw",
      "A commit wins only against what it has seen.",
      "store/contract",
    ],
    [
      "refused-commit-written",
      'checkTokens(statements, commit);\n  failpoint("commit.checked");\n\n  writeEntities(statements, commit, found, counters.nowMs);',
      "writeEntities(statements, commit, found, counters.nowMs);\n  checkTokens(statements, commit);",
      "A refused commit leaves nothing behind.",
      "store/contract",
    ],
    [
      "token-unchecked",
      'if (found?.["token"] !== token) throw',
      "if (false) throw",
      "Only who holds a reservation may finish the item.",
      "store/contract",
    ],
    [
      "reply-not-stored",
      "  writeReply(statements, commit, counters.nowMs);\n",
      "",
      "The answer to a request is stored in its commit.",
      "store/contract",
    ],
    [
      "reply-not-looked-for",
      "if (replayed !== undefined) return {",
      "if (false) return {",
      "A request that was carried out is not carried out again.",
      "store/contract",
    ],
    [
      "chain-begins-anew",
      "chainHash(chain.hash, {",
      "chainHash(undefined, {",
      "Each entry of an entity is chained to the one before.",
      "store/sqlite",
    ],
  ),
  ...inFile(
    "src/store/sqlite/sqlite-store.ts",
    [
      "bell-not-rung",
      "    this.#ringFor(commit);\n",
      "",
      "Who waits for a journal is woken by the commit.",
      "store/contract",
    ],
    [
      "lost-bell-not-rung-again",
      "if (head > (this.#polled.get(journal) ?? 0)) this.#bell.ring(bell);",
      "",
      "A bell that got lost is rung by the poll.",
      "store/sqlite",
    ],
  ),
  ...inFile("src/store/doorbell.ts", [
    "waits-without-a-look",
    "      if (look()) return;\n",
    "",
    "What was written before the wait began is seen.",
    "store/contract",
  ]),
  ...inFile(
    "src/store/sqlite/journals.ts",
    [
      "entry-skipped",
      'const conditions = ["journal = ?", "position > ?", "position <= ?"];',
      'const conditions = ["journal = ?", "position > ? + 1", "position <= ?"];',
      "A reader sees every entry after its place.",
      "store/contract",
    ],
    [
      "gap-unnoticed",
      "if (after < floor) throw",
      "if (false) throw",
      "A place whose entries are gone is refused.",
      "store/contract",
    ],
    [
      "commit-split",
      "return { entries: [...entries, ...rest], through: BigInt(through) };",
      "return { entries, through: BigInt(last) };",
      "A page never splits a commit.",
      "store/contract",
    ],
  ),
  ...inFile("src/store/sqlite/counters.ts", [
    "position-reused",
    "      if (!moved) continue;",
    "      if (moved) continue;",
    "No position is given twice.",
    "store/contract",
  ]),
  ...inFile("src/store/sqlite/database.ts", [
    "acknowledged-before-durable",
    "PRAGMA synchronous = FULL",
    "PRAGMA synchronous = NORMAL",
    "What is acknowledged survives a power cut.",
    "faults/power",
  ]),
  ...inFile("src/store/clock.ts", [
    "time-goes-back",
    "lastMs = Math.max(lastMs, Math.floor(now()));",
    "lastMs = Math.floor(now());",
    "Times in a journal never fall.",
    "store/contract",
  ]),
  ...inFile("src/store/sqlite/verify-journals.ts", [
    "chain-not-verified",
    "chain.hash !== null && !isLink(chain.hash, row)",
    "false",
    "An entry that was altered is found.",
    "faults/verify",
  ]),
  ...inFile(
    "src/store/sqlite/due.ts",
    [
      "reservation-for-ever",
      "WHERE state = ${RESERVED} AND until_ms <= ?",
      "WHERE state = ${RESERVED} AND until_ms < 0 * ?",
      "What was reserved for too long comes back.",
      "store/contract",
    ],
    [
      "claim-without-priority",
      "ORDER BY priority DESC, due_at_ms, key LIMIT ?",
      "ORDER BY due_at_ms, key LIMIT ?",
      "The highest priority is claimed first.",
      "store/contract",
    ],
  ),
  ...inFile("src/store/sqlite/log-writer.ts", [
    "duplicates-kept",
    "const duplicates = Math.min(Math.max(known, 0), rows.length);",
    "const duplicates = 0;",
    "What a producer sends twice is stored once.",
    "store/contract",
  ]),
  ...inFile("src/store/sqlite/trim.ts", [
    "floor-stays",
    "SET floor = max(floor, min(position, ?))",
    "SET floor = max(floor, min(floor, ?))",
    "Nothing below a trim is read again.",
    "store/contract",
  ]),
];

const CORE: readonly Bug[] = [
  ...inFile(
    "src/core/agent-decide.ts",
    [
      "never-lost",
      'if (nowMs >= untilMs) return observed(agent.liveness, "lost");',
      "",
      "An agent that is silent for a lease is lost.",
      "core/agent",
    ],
    [
      "any-transition",
      "if (from !== to && !TRANSITIONS[from].includes(to)) {",
      "if (false) {",
      "States move along the table.",
      "core/agent",
    ],
    [
      "old-session-reports",
      "if (session?.sessionId !== sessionId || session.epoch !== epoch) {",
      "if (session === undefined) {",
      "Only the present session may speak.",
      "core/agent",
    ],
  ),
  ...inFile(
    "src/core/task-report.ts",
    [
      "stale-lease-accepted",
      "if (leaseEpoch !== task.leaseEpoch) throw",
      "if (leaseEpoch > task.leaseEpoch) throw",
      "Only the latest hand-out may report.",
      "core/task",
    ],
    [
      "late-report-counts",
      'if (task.cancel !== undefined || task.state === "cancelled") return decideLate(task, report);',
      "",
      "After a cancellation no outcome counts.",
      "core/task",
    ],
  ),
  ...inFile("src/core/task-decide.ts", [
    "attempt-not-counted",
    "attempt: task.attempt + 1,",
    "attempt: task.attempt,",
    "Each hand-out is an attempt.",
    "core/task",
  ]),
  ...inFile("src/core/task-retry.ts", [
    "one-retry-too-many",
    "task.attempt >= task.retry.maxAttempts",
    "task.attempt > task.retry.maxAttempts",
    "No more attempts than the template allows.",
    "core/task",
  ]),
  ...inFile("src/core/task-fold.ts", [
    "release-costs",
    "attempt: attempt - 1",
    "attempt",
    "What is given back costs no attempt.",
    "core/task",
  ]),
  ...inFile(
    "src/core/run-steps.ts",
    [
      "skipped-fails",
      'moves.end(step.path, { to: "skipped" });',
      'moves.end(step.path, { to: "failed" });',
      "A step whose condition is false is skipped.",
      "core/run",
    ],
    [
      "on-error-ignored",
      'if (step.onError === "fail") failBlock',
      "failBlock",
      "A step may fail without its block.",
      "core/run",
    ],
    [
      "step-too-early",
      "const isReady = step.after.every((path) => ENDED.has(moves.stateOf(path)));",
      "const isReady = true;",
      "A step waits for all that it comes after.",
      "core/run",
    ],
  ),
  ...inFile(
    "src/core/run-decide.ts",
    [
      "cancel-reaches-nobody",
      'for (const { taskId } of moves.openTasks("")) moves.cancel({ taskId, graceMs, reason });',
      "",
      "A cancellation reaches every open task.",
      "core/run",
    ],
    [
      "deadline-ignored",
      "context.nowMs >= run.deadlineMs",
      "false",
      "A run ends at its deadline.",
      "core/run",
    ],
  ),
  ...inFile(
    "src/core/match.ts",
    [
      "where-ignored",
      "(where === undefined ||",
      "(where !== null ||",
      "A task goes only to an agent that it asks for.",
      "core/match",
    ],
    [
      "priority-ignored",
      "return (priority - USUAL_PRIORITY) * PRIORITY_STEP_MS - readyAtMs;",
      "return -readyAtMs;",
      "A step of priority counts like a minute.",
      "core/match",
    ],
    [
      "slots-ignored",
      "    slotsFree > 0 &&\n",
      "",
      "An agent is handed no more than its slots.",
      "core/match",
    ],
  ),
  ...inFile("src/core/filter.ts", [
    "operator-swapped",
    'case "<":\n      return',
    'case "<":\n      return !',
    "A filter compares as it is written.",
    "core/filter",
  ]),
  ...inFile("src/core/expr/guards.ts", [
    "guard-off",
    "const DEPTH_MAX = 32;",
    "const DEPTH_MAX = 1e9;",
    "An expression is no deeper than 32.",
    "core/expr",
  ]),
];

const ENGINE: readonly Bug[] = [
  ...inFile(
    "src/engine/changes.ts",
    [
      "request-id-unbound",
      "if (!Buffer.from(requestHash).equals(hash)) {",
      "if (false) {",
      "A request_id is for one request.",
      "rpc/lifecycle",
    ],
    [
      "lost-race-not-repeated",
      'if (!isRefused(error, "version_conflict", "reservation_lost")) throw error;',
      "throw error;",
      "A decision that lost the race is made anew.",
      "engine/entity-cache",
    ],
  ),
  ...inFile(
    "src/engine/follow.ts",
    [
      "resumes-one-too-late",
      "let position = after;",
      "let position = after + 1n;",
      "A watch goes on with the next entry.",
      "rpc/watch",
    ],
    [
      "gap-unsaid",
      'if (page.type === "gap" || page.entries.length > 0) {',
      'if (page.type !== "gap" && page.entries.length > 0) {',
      "What is lost is said.",
      "rpc/watch",
    ],
  ),
  ...inFile(
    "src/engine/work.ts",
    [
      "offer-not-sent-again",
      '    if (kind === "stream") await offerAgain(store, line, taskIds);\n',
      "",
      "What a stream could not write is offered on the next.",
      "engine/hand-out",
    ],
    [
      "unsent-kept",
      "const unsent = line.replaced ? [] :",
      "const unsent = true ? [] :",
      "What never left goes back.",
      "engine/hand-out",
    ],
  ),
  ...inFile("src/engine/beats.ts", [
    "lapses-uncounted",
    "(lapses.get(open.sessionId) ?? 0) >= LAPSES_MAX",
    "false",
    "An agent that offers do not reach is told to open its stream again.",
    "engine/liveness",
  ]),
  ...inFile("src/engine/agent-writes.ts", [
    "takeover-keeps-tasks",
    "    draft.due({ ...sessionEndTimer(ns, sessionId), dueAtMs: draft.nowMs, payload });\n",
    "",
    "The tasks of a closed session go back.",
    "engine/tasks",
  ]),
  ...inFile("src/engine/quota.ts", [
    "quota-off",
    "const taken = Math.min(wanted, Math.floor(filled));",
    "const taken = wanted;",
    "Nobody writes above the rate.",
    "engine/logs",
  ]),
  ...inFile("src/engine/ticker.ts", [
    "no-patience",
    "    if (gapMs <= PAUSE_MS) return;",
    "    if (gapMs > 0) return;",
    "Silence while the process stood still is held against nobody.",
    "engine/liveness",
  ]),
];

const RPC: readonly Bug[] = [
  ...inFile(
    "src/rpc/http/guard.ts",
    [
      "http-guard-off",
      "if (refusal !== undefined) {",
      "if (false) {",
      "What is no proper request is refused first.",
      "rpc/http/guard",
    ],
    [
      "host-unchecked",
      "if (!isAllowedHost(options, name)) {",
      "if (false) {",
      "A name that is not ours is refused.",
      "rpc/http/guard",
    ],
  ),
  ...inFile("src/rpc/http/facade.ts", [
    "gate-skipped",
    "const identity = gate.admit(route.method, { headers, address: addressOf(req) });",
    'const identity = { principal: { name: "user:any", actor: "user:any", scopes: ["admin"], namespaces: ["*"] }, namespace: "default" };',
    "Every door asks for the key.",
    "rpc/http/keys",
  ]),
  ...inFile("src/rpc/auth.ts", [
    "acts-for-others",
    "principal.agentId !== undefined && principal.agentId !== agentId",
    "false",
    "The key of an agent acts for that agent.",
    "rpc/http/keys",
  ]),
  ...inFile("src/rpc/gate.ts", [
    "audience-ignored",
    "const isForCaller = principal.agentId === undefined || audience.includes(Audience.AGENT);",
    "const isForCaller = true;",
    "What is made for users is not open to agents.",
    "rpc/http/keys",
  ]),
  ...inFile(
    "src/rpc/watch.ts",
    [
      "no-first-frame",
      "    yield this.#frame({});\n",
      "",
      "A watch begins with its cursor.",
      "rpc/watch",
    ],
    [
      "no-moved",
      "      yield this.#moved(MoveCause.DRAIN);\n",
      "",
      "A drain says Moved.",
      "rpc/watch",
    ],
  ),
  ...inFile("src/rpc/cursor.ts", [
    "cursor-unbound",
    "if (!Buffer.from(its).equals(binding)) refuse",
    "if (false) refuse",
    "A cursor opens only for what it was made for.",
    "rpc/cursor",
  ]),
  ...inFile("src/rpc/page-token.ts", [
    "page-token-unbound",
    " || !Buffer.from(place.binding).equals(binding)",
    "",
    "A page token opens only for its query.",
    "rpc/cursor",
  ]),
  ...inFile(
    "src/rpc/http/connect-door.ts",
    [
      "unknown-fields-ignored",
      "ignoreUnknownFields: false,",
      "ignoreUnknownFields: true,",
      "A slip in a field's name is told.",
      "rpc/http/doors",
    ],
    [
      "request-unbounded",
      "    readMaxBytes: limits.request_bytes,\n",
      "",
      "A request is no larger than its limit.",
      "rpc/http/doors",
    ],
  ),
  ...inFile("src/rpc/http/lines.ts", [
    "no-event-id",
    "return `id: ${cursor}\\ndata:",
    "return `data:",
    "Each event has the place to resume at.",
    "rpc/http/doors",
  ]),
  ...inFile("src/rpc/http/sessions.ts", [
    "body-without-end",
    "      const timer = setTimeout(() => {",
    "      const timer = setTimeout(() => {\n        return;",
    "A body that never ends is reset.",
    "rpc/http/slow",
  ]),
];

const CLIENTS: readonly Bug[] = [
  ...inFile(
    "src/client/watch.ts",
    [
      "call-left-open",
      "    leaving.abort();\n",
      "",
      "Leaving a watch aborts its call.",
      "client/watch",
    ],
    [
      "resumes-at-the-start",
      "of open(place.cursor,",
      'of open("",',
      "A watch goes on after its last cursor.",
      "client/watch",
    ],
  ),
  ...inFile("src/cli/output/text.ts", [
    "controls-shown",
    'return stripVTControlCharacters(text).replace(REORDERING, "").replace(CONTROLS, " ").trimEnd();',
    "return text;",
    "Text of others cannot steer the terminal.",
    "cli/output",
  ]),
  ...inFile("src/cli/exit.ts", [
    "exit-code-wrong",
    "notFound: [3,",
    "notFound: [1,",
    "Not found is exit 3.",
    "cli/exits",
  ]),
];

export const BUGS: readonly Bug[] = [...STORE, ...CORE, ...ENGINE, ...RPC, ...CLIENTS];

/** What keeps a bug from being planted: its text does not stand in the source exactly once. */
export function staleness({ name, file, text }: Bug, source: string | undefined): string[] {
  const count = (source?.split(text).length ?? 1) - 1;
  return count === 1 ? [] : [`${name}: its text is ${count} times in ${file}, not once`];
}
