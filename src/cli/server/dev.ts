import { once } from "node:events";
import { createServer } from "node:net";
import { CliError } from "../cli-error.ts";
import { command } from "../command.ts";
import { variable } from "../environment.ts";

/** How many ports are tried after the usual one. */
const TRIES = 100;
const USUAL_PORT = 6772;

export const devCommand = command({
  path: "dev",
  summary: "run a server for one person, and say what to try",
  description:
    "Run a server for one person on this machine, and say what to try. When port 6772 is taken it takes the next free one. Only warnings are logged. Every other setting of `opscore serve` is heard as a variable.",
  options: {
    port: { value: "PORT", about: "this port and no other; 0 takes any" },
    data: {
      value: "FOLDER",
      about: "where everything is kept, or :memory: (default ./.opscore)",
    },
  },
  examples: [
    {
      run: "opscore dev",
      shows: /Ops-Core \d\S+ +ready in .*\n(.*\n)* +Try +opscore status/,
      endless: true,
    },
    {
      run: "opscore dev --port 0 --data :memory:",
      about: "nothing is kept",
      shows: /Store +memory, gone at exit/,
      endless: true,
    },
  ],
  exits: ["config"],
  async run(_context, { port, data }) {
    const { readConfig } = await import("../../config.ts");
    const { serve } = await import("./serve.ts");
    const isGiven = port !== undefined || variable("OPSCORE_PORT") !== undefined;
    const config = readConfig({
      port: isGiven ? port : String(await nextFreePort()),
      store: data === undefined ? undefined : `sqlite:${data}`,
      log_level: variable("OPSCORE_LOG_LEVEL") === undefined ? "warn" : undefined,
    });
    return await serve(config, { isBannerShown: true });
  },
});

/** Tried, not asked: whoever takes it in between makes the start fail with its own words. */
async function nextFreePort(): Promise<number> {
  for (let port = USUAL_PORT; port < USUAL_PORT + TRIES; port++) {
    const probe = createServer().listen(port, "127.0.0.1");
    try {
      await once(probe, "listening");
    } catch {
      continue;
    }
    probe.close();
    await once(probe, "close");
    return port;
  }
  throw new CliError("failure", `no port from ${USUAL_PORT} to ${USUAL_PORT + TRIES - 1} is free`);
}
