import type { DescMethodUnary } from "@bufbuild/protobuf";
import { confirm } from "./confirm.ts";
import { createOps, isRead, type Ops } from "./connect.ts";
import type { Ending } from "./ending.ts";
import { canRedraw, isColorful } from "./environment.ts";
import { createPrinter, type Printer } from "./output/print.ts";
import { createPainter, type Painter } from "./output/style.ts";
import { cleanLines } from "./output/text.ts";
import type { View } from "./output/view.ts";
import type { GlobalFlags, Settings, Sources } from "./settings.ts";
import { say, write } from "./streams.ts";

/** What a command is given. `T` is what it prints. */
export interface Context<T = unknown> {
  readonly settings: Settings;
  readonly sources: Sources;
  readonly print: Printer<T>;
  /** Colors for standard output, if it has any. */
  readonly paint: Painter;
  /** Aborts at Ctrl-C and when --timeout has passed. Every call of `ops` ends with it. */
  readonly signal: AbortSignal;
  /** The server, by service: `await (await ops.lifecycle()).listAgents({})`. */
  readonly ops: Ops;
  /** Data that is no item of the view, on standard output as it is. */
  write(text: string): Promise<void>;
  /** One line for the person, on standard error, unless --quiet. */
  note(text: string): void;
  /** As `note`, but only at a terminal: summaries, and what to try next. */
  hint(text: string): void;
  /** Says that a list may have been cut, and how to go on. */
  readonly more: (pageToken: string) => void;
  /** The same of the entries of a journal. */
  readonly moreAfter: (cursor: string) => void;
  /** At --dry-run nothing is changed: a call that would is not made. */
  readonly isDryRun: boolean;
  /** Standard error is a terminal with nothing else on it: what is shown there may move. */
  readonly isWatched: boolean;
  /** Resolves when the person agrees, or --yes has. @throws {CliError} otherwise. */
  confirm(question: string): Promise<void>;
}

/** Stops a command at --dry-run, with the request that it was about to send. */
export class DryRun extends Error {
  readonly method: DescMethodUnary;
  readonly input: Readonly<Record<string, unknown>>;

  constructor(method: DescMethodUnary, input: Readonly<Record<string, unknown>>) {
    super("dry run");
    this.method = method;
    this.input = input;
  }
}

export interface ContextOptions {
  readonly flags: GlobalFlags;
  readonly settings: Settings;
  readonly sources: Sources;
  readonly view: View<unknown> | undefined;
  readonly fields: readonly string[] | undefined;
  readonly ending: Ending;
}

/** Nothing can be printed by a command that prints no items. */
const NOTHING: View<unknown> = { noun: "item", columns: [], id: () => "" };

export function createContext(options: ContextOptions): Context {
  const { flags, settings, sources, view, fields } = options;
  const paint = createPainter(isColorful(settings.color, process.stdout));
  const isTable = settings.output === "table" || settings.output === "wide";
  const output = flags["json"] !== undefined && isTable ? "json" : settings.output;

  const context: Context = {
    settings,
    sources,
    paint,
    write,
    print: createPrinter<unknown>(view ?? NOTHING, {
      output,
      time: settings.time,
      fields,
      paint,
      write,
      hint: (text) => context.hint(text),
    }),
    get signal() {
      return options.ending.signal;
    },
    ops: createOps(settings, {
      signal: () => context.signal,
      before(method, input) {
        if (context.isDryRun && !isRead(method)) throw new DryRun(method, input);
      },
      after({ name }, tookMs) {
        if (flags["verbose"] !== true) return;
        say(`${name} at ${settings.server} answered in ${tookMs.toFixed(0)} ms\n`);
      },
    }),
    note(text) {
      if (flags["quiet"] !== true) say(`${cleanLines(text)}\n`);
    },
    hint(text) {
      if (process.stderr.isTTY) context.note(text);
    },
    more: (token) => context.note(`there may be more: --limit all, or --page-token ${token}`),
    moreAfter: (cursor) => context.note(`there may be more: --limit all, or --after ${cursor}`),
    isDryRun: flags["dryRun"] === true,
    isWatched: !flags["quiet"] && !flags["verbose"] && canRedraw(process.stderr),
    confirm: (question) => confirm(question, flags),
  };
  return context;
}
