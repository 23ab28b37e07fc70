import type { ConnectError } from "@connectrpc/connect";
import { CommanderError } from "commander";
import { VERSION } from "../version.ts";
import { CliError, usage } from "./cli-error.ts";
import type { Command } from "./command.ts";
import { createContext, DryRun } from "./context.ts";
import { createEnding } from "./ending.ts";
import { type ExitName, exitCode } from "./exit.ts";
import { type Explanation, explainCliError, explainConnectError } from "./explain.ts";
import { fieldsOf, parseFields } from "./output/fields.ts";
import { toSafeJson } from "./output/text.ts";
import { createProgram } from "./program.ts";
import { findSources, type GlobalFlags, readSettings } from "./settings.ts";
import { endQuietlyWithReader, flush, say, write } from "./streams.ts";

/** Runs one command line, without the program's name, and returns its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  endQuietlyWithReader();
  const state = { exit: "ok" as ExitName, server: "", isJson: false };
  const program = createProgram(VERSION, args, async (command, input, flags) => {
    state.exit = await runCommand(command, input, flags, state);
  });
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const explanation = await explain(error, state.server);
    const isJson = state.isJson || program.opts()["output"] === "json";
    if (explanation !== undefined) say(isJson ? `${explanation.json}\n` : explanation.text);
    state.exit = explanation?.exit ?? exitOf(error);
  }
  await flush();
  return exitCode(state.exit);
}

/** Reads the settings, runs the command, and returns what it ended with. */
async function runCommand(
  command: Command,
  input: Readonly<Record<string, unknown>>,
  flags: GlobalFlags,
  state: { server: string; isJson: boolean },
): Promise<ExitName> {
  const { prints: view } = command;
  const names = flags["json"] === undefined ? undefined : await namesOf(command);
  // Bare --json.
  if (names !== undefined && flags["json"] === true) {
    await write(names.map((name) => `${name}\n`).join(""));
    return "ok";
  }
  const fields = names && parseFields(String(flags["json"]), names);
  const sources = await findSources(flags, command.isOffline);
  const settings = readSettings(sources);
  state.server = settings.server;
  state.isJson = settings.output === "json" || fields !== undefined;
  const ending = createEnding(settings.timeoutMs);
  const context = createContext({ flags, settings, sources, view, fields, ending });
  try {
    const exit = await command.run(context, input);
    if (ending.reason !== undefined) throw ending.reason;
    return exit ?? "ok";
  } catch (error) {
    if (error instanceof DryRun) return await showRequest(error);
    // What the end of the command did to its calls is no news.
    throw ending.reason ?? error;
  }
}

async function namesOf({ path, prints }: Command): Promise<readonly string[]> {
  if (prints === undefined) throw usage(`opscore ${path} prints no items that --json could show`);
  return fieldsOf(prints, await prints.schema?.());
}

async function showRequest({ method, input }: DryRun): Promise<ExitName> {
  const { create, toJson } = await import("@bufbuild/protobuf");
  const request = toJson(method.input, create(method.input, input));
  say(`dry run: not sent to ${method.parent.typeName}/${method.name}\n`);
  await write(`${toSafeJson(request, 2)}\n`);
  return "ok";
}

/** Undefined for what is no error to be told: help that was asked for, and Ctrl-C. */
async function explain(error: unknown, server: string): Promise<Explanation | undefined> {
  if (error instanceof CommanderError) {
    return isHelp(error) || error.code === "commander.help" ? undefined : explainUsage(error);
  }
  if (error instanceof CliError) {
    if (error.exit === "interrupted") return undefined;
    const explanation = explainCliError(error);
    if (!isConnectError(error.cause)) return explanation;
    return { ...explanation, json: (await explainConnectError(error.cause, server)).json };
  }
  // Loaded only now: help and refused settings are quick.
  const { ConfigError } = await import("../config.ts");
  if (error instanceof ConfigError) return explainCliError(new CliError("config", error.message));
  if (isConnectError(error)) return await explainConnectError(error, server);
  const message = error instanceof Error ? error.message : String(error);
  return explainCliError(new CliError("failure", message, { cause: error }));
}

/** What ends with nothing to be told. */
function exitOf(error: unknown): ExitName {
  if (error instanceof CliError) return error.exit;
  return isHelp(error) ? "ok" : "usage";
}

/** By its name: the class comes with the rest of the client, which may not be loaded. */
function isConnectError(error: unknown): error is ConnectError {
  return error instanceof Error && error.name === "ConnectError";
}

function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** Commander's own words: a message, and what it thinks was meant. */
function explainUsage({ message }: CommanderError): Explanation {
  const [, what = message, meant] =
    /^error: (.*?)(?:\n\((Did you mean .*)\))?$/s.exec(message) ?? [];
  const hint = meant === undefined ? "opscore --help lists what there is" : `d${meant.slice(1)}`;
  return explainCliError(new CliError("usage", what, { hint }));
}
