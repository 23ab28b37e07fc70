import type { Logger } from "pino";
import type { Config } from "../../config.ts";
import { variableOf } from "../../config-table.ts";
import { VERSION } from "../../version.ts";
import { type ExitName, exitCode } from "../exit.ts";
import { CLIENT_SETTINGS } from "../settings-table.ts";
import { say } from "../streams.ts";

/** A drain that takes longer is given up. */
const DRAIN_MS = 10_000;

/** `npm start` passes the terminal's Ctrl-C on, so one key press arrives twice within milliseconds. */
const SAME_PRESS_MS = 250;

/** Serves until a signal or a failure that the server cannot outlive. */
export async function serve(
  config: Config,
  { isBannerShown }: { readonly isBannerShown: boolean },
): Promise<ExitName> {
  // Loaded here so that help and refused settings are quick.
  const { createLogger } = await import("../../logger.ts");
  const { createApp } = await import("../../app.ts");
  const logger = createLogger(config.logLevel);
  const stop = firstSignal(logger);
  for (const warning of config.warnings) logger.warn(warning);
  const app = await createApp(config, logger);
  try {
    await app.listen();
  } catch (error) {
    await app.close();
    throw listenError(error, config);
  }
  if (config.tls !== undefined) process.on("SIGHUP", () => reload(app, logger));
  logger.info({ url: app.url }, "serving");
  if (isBannerShown) say(bannerOf(app.url, config));

  const failure = await Promise.race([stop, app.failed.catch((error: unknown) => error)]);
  if (failure !== undefined) logger.fatal({ err: failure }, "the server cannot go on");
  const giveUp = setTimeout(() => {
    logger.error("the drain took too long");
    process.exit(1);
  }, DRAIN_MS);
  await app.close();
  clearTimeout(giveUp);
  logger.info("stopped");
  return failure === undefined ? "ok" : "failure";
}

/** Resolves at the first SIGTERM or SIGINT; from then on another one exits at once. */
function firstSignal(logger: Logger): Promise<undefined> {
  return new Promise((resolve) => {
    let stoppingSince: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stoppingSince === undefined) {
        stoppingSince = performance.now();
        logger.info({ signal }, "draining; a second signal does not wait");
        resolve(undefined);
      } else if (performance.now() - stoppingSince > SAME_PRESS_MS) {
        process.exit(exitCode("interrupted"));
      }
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

function reload(app: { reload(): void }, logger: Logger): void {
  try {
    app.reload();
    logger.info("certificate read again");
  } catch (err) {
    logger.error({ err }, "the old certificate stays: the new one cannot be used");
  }
}

/** What Node says when it cannot bind, in words that name the setting. */
function listenError(error: unknown, { host, port }: Config): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const why =
    code === "EADDRINUSE"
      ? "is in use"
      : code === "EACCES"
        ? "needs more rights than this process has"
        : undefined;
  if (why !== undefined) {
    const message = `port ${port} of ${host} ${why}: choose another with --port or ${variableOf("port")}`;
    return new Error(message, { cause: error });
  }
  return code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
    ? new Error(`${host} is no address of this machine: see --host`, { cause: error })
    : error;
}

function bannerOf(url: string, { store }: Config): string {
  const seconds = (performance.now() / 1_000).toFixed(1);
  const where = store.type === "memory" ? "memory, gone at exit" : store.folder;
  const server = url === CLIENT_SETTINGS.server.default ? "" : ` -s ${url}`;
  return `
  Ops-Core ${VERSION}   ready in ${seconds} s
  API        ${url}   gRPC, gRPC-Web, Connect, JSON, NDJSON and SSE on this one port
  Store      ${where}
  Try        opscore status${server}
             opscore agent watch${server}
             curl -N ${url}/opscore.v1.LoggingService/TailLogs

`;
}
