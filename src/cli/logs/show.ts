import type { LogEntry } from "../../../gen/opscore/v1/logging_pb.ts";
import { agents } from "../agent/view.ts";
import { usage } from "../cli-error.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { nowMs } from "../environment.ts";
import { allOf, equals } from "../filters.ts";
import { follow } from "../follow.ts";
import { CALL_EXITS } from "../help.ts";
import { fullId } from "../ids.ts";
import { SINCE_OPTION, UNTIL_OPTION } from "../options.ts";
import { timestampOf } from "../output/time.ts";
import { parseLimit, parsePattern } from "../values.ts";
import { LEVEL_NAMES, severityOf } from "./levels.ts";
import { logEntries } from "./view.ts";

const PAGE_MAX = 1_000;
/** A search for text needs a bound, and this is the longest without another. */
const TEXT_WINDOW_MS = 86_400_000;

interface Wanted {
  readonly filter: string;
  readonly text: string;
  readonly since: number | undefined;
  readonly tail: number;
}

export const logsCommand = command({
  path: "logs",
  summary: "what was logged, the last entries or as they come",
  description:
    "What was logged: the last entries, oldest first, or with -f as they come, over restarts of the server. The server selects by text, agent, run, task, level, time and --filter; --include and --exclude select among what it sends.",
  arguments: {
    text: { about: "part of the message, in any case; alone it looks back 24 h", optional: true },
  },
  options: {
    follow: { about: "go on as entries come, until Ctrl-C", short: "f" },
    agent: { value: "AGENT", about: "of this agent: its id, or the beginning of it" },
    run: { value: "RUN", about: "of this run" },
    task: { value: "TASK", about: "of this task" },
    level: { value: "LEVEL", about: "at least so severe", choices: LEVEL_NAMES },
    since: SINCE_OPTION,
    until: UNTIL_OPTION,
    tail: {
      value: "N",
      about: "the last so many, or all; with -f before what comes (default 100, with -f 10)",
      parse: parseLimit,
    },
    filter: { value: "CEL", about: "only entries that this expression selects" },
    include: {
      value: "REGEX",
      about: "only where it matches message or operation",
      parse: parsePattern,
    },
    exclude: { value: "REGEX", about: "only where it does not", parse: parsePattern },
    highlight: { value: "REGEX", about: "mark what matches", parse: parsePattern },
  },
  prints: logEntries,
  examples: [
    {
      run: "opscore logs",
      shows: /TIME +LEVEL +AGENT +OPERATION +MESSAGE.*\n.*INFO +writer +draft/,
    },
    {
      run: "opscore logs timeout --level warn --agent wri",
      about: "what an agent complained of within a day",
      shows: /WARN +writer +llm\.call +timeout after 30 s +attempt=2\n$/,
    },
    {
      run: "opscore logs -f --run report-1 --include 'section|timeout' --exclude draft",
      about: "live, for one run",
      shows: /ERROR +writer +llm\.call +no answer to section 4/,
      exit: "interrupted",
      endless: true,
    },
    {
      run: "opscore logs --since 1h --tail all -o jsonl --json time,message",
      about: "for a program",
      shows: /^\{"time":"\d{4}.*Z","message":"section 4 of 6"\}\n/,
    },
    {
      run: "opscore logs --highlight timeout --color always --tail 2",
      // biome-ignore lint/suspicious/noControlCharactersInRegex: The colors are what it shows.
      shows: /\u001b\[35mtimeout/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { follow: isLive, agent, until, text = "", ...input }) {
    if (isLive && until !== undefined) throw usage("-f has no --until: it ends with Ctrl-C");
    if (input.highlight !== undefined) context.print.highlight(input.highlight);
    const agentId = agent && (await fullId(agents, context.ops, agent));
    const filter = allOf(
      input.filter,
      equals("agent_id", agentId),
      equals("run_id", input.run),
      equals("task_id", input.task),
      input.level && `severity >= ${severityOf(input.level)}`,
    );
    const tail = input.tail ?? (isLive ? (input.since === undefined ? 10 : 0) : 100);
    const wanted: Wanted = { filter, text, since: input.since, tail };
    const { include, exclude } = input;
    const isShown = (entry: LogEntry) =>
      matches(include, entry) && !(exclude && matches(exclude, entry));
    if (isLive) await context.print.follow(only(live(context, wanted), isShown));
    else await context.print.all(await last(context, wanted, until, isShown));
  },
});

/** The last entries that are wanted, oldest first. */
async function last(
  context: Context<LogEntry>,
  { filter, text, since, tail }: Wanted,
  until: number | undefined,
  isShown: (entry: LogEntry) => boolean,
): Promise<readonly LogEntry[]> {
  const logging = await context.ops.logging();
  const toMs = text === "" ? until : (until ?? nowMs() + 1);
  const fromMs = text === "" ? since : (since ?? (toMs ?? 0) - TEXT_WINDOW_MS);
  const found: LogEntry[] = [];
  for (let pageToken = ""; ; ) {
    const page = await logging.searchLogs({
      filter,
      text,
      pageSize: Math.min(Math.max(tail, 1), PAGE_MAX),
      pageToken,
      ...(fromMs !== undefined && { fromTime: timestampOf(fromMs) }),
      ...(toMs !== undefined && { toTime: timestampOf(toMs) }),
    });
    found.push(...page.entries.filter(isShown));
    pageToken = page.nextPageToken;
    if (pageToken === "" || found.length >= tail) break;
  }
  if (found.length >= tail && tail > 0) context.hint(`the last ${tail}; --tail all shows more`);
  return found.slice(0, tail).reverse();
}

async function* live(
  context: Context<LogEntry>,
  { filter, text, since, tail }: Wanted,
): AsyncGenerator<LogEntry> {
  const logging = await context.ops.logging();
  const first =
    since === undefined
      ? ({ case: "now", value: true } as const)
      : ({ case: "since", value: timestampOf(since) } as const);
  const frames = follow(context, (cursor, options) =>
    logging.tailLogs(
      {
        filter,
        text,
        start: { start: cursor === "" ? first : { case: "after", value: cursor } },
        ...(cursor === "" && since === undefined && { last: Math.min(tail, PAGE_MAX) }),
      },
      options,
    ),
  );
  for await (const frame of frames) yield* frame.entries;
}

async function* only(
  entries: AsyncIterable<LogEntry>,
  isShown: (entry: LogEntry) => boolean,
): AsyncGenerator<LogEntry> {
  for await (const entry of entries) if (isShown(entry)) yield entry;
}

function matches(pattern: RegExp | undefined, { message, operation }: LogEntry): boolean {
  if (pattern === undefined) return true;
  return [message, operation].some((text) => text.search(pattern) >= 0);
}
