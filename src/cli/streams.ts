import { once } from "node:events";
import { exitCode } from "./exit.ts";

/** Data, on standard output. Resolves when there is room for more. */
export async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

/** Everything else, on standard error. */
export function say(text: string): void {
  process.stderr.write(text);
}

/** A reader that has seen enough, like `head`, ends the command well. */
export function endQuietlyWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(exitCode(error.code === "EPIPE" ? "ok" : "failure"));
  });
  // Nobody is left to be told.
  process.stderr.on("error", () => undefined);
}

/** Resolves when everything is written: what is still on its way would be lost at the exit. */
export async function flush(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))),
  );
}
