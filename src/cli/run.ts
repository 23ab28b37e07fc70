import { Command, CommanderError } from "commander";
import { ConfigError } from "../config.ts";
import { VERSION } from "../version.ts";
import { serveCommand } from "./serve-command.ts";

/** What the command `opscore` ends with. */
const EXIT = { ok: 0, failure: 1, usage: 2, config: 78, interrupted: 130 } as const;

/** Runs one command line, without the program's name, and returns its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command("opscore")
    .description("Ops-Core: lifecycle, durable workflows and logs of AI agents behind one port.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showHelpAfterError("(opscore --help lists what there is)")
    .exitOverride();
  const serve = serveCommand((code) => {
    exitCode = code;
  });
  program.addCommand(serve.copyInheritedSettings(program));
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return explain(error);
  }
}

/** Tells the person at the terminal what went wrong, in one line, and returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    // It has told already; the help of a bare `opscore` counts as an error of usage.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: ${message}\n`);
  return error instanceof ConfigError ? EXIT.config : EXIT.failure;
}
