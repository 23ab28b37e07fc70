import type { Logger } from "pino";
import { LifecycleService } from "../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../gen/opscore/v1/logging_pb.ts";
import { TaskService } from "../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../gen/opscore/v1/workflow_pb.ts";
import { type Config, loadCertificate } from "./config.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import { newId } from "./engine/ids.ts";
import { arm } from "./failpoint.ts";
import { createAuthenticator } from "./rpc/auth.ts";
import { createOpsServer, type OpsServer } from "./rpc/http/ops-server.ts";
import { type Service, serve } from "./rpc/http/services.ts";
import { lifecycleHandlers } from "./rpc/lifecycle.ts";
import { loggingHandlers } from "./rpc/logging.ts";
import { taskHandlers } from "./rpc/task.ts";
import { workflowHandlers } from "./rpc/workflow.ts";
import { openSqliteStore } from "./store/sqlite/open.ts";
import type { Store } from "./store/store.ts";
import { VERSION } from "./version.ts";

/** Calls in flight may take this long to end before their connections are cut. */
const GRACE_MS = 5_000;

/** A server, whole: its store, its engine and its port. */
export interface App {
  /** Where it is reached, once it listens. */
  readonly url: string;
  listen(): Promise<void>;
  /** Reads the certificate again. @throws {ConfigError} if it cannot be used; the old one stays. */
  reload(): void;
  /** Drains and stops: what was acknowledged is kept, streams end where they can be resumed. */
  close(): Promise<void>;
  /** Rejects when the server cannot go on, for example when its disk fails. */
  readonly failed: Promise<never>;
}

/**
 * Composition root: every object is made here, once, by hand, and given what it needs.
 *
 * @param more services beside our own, behind the same doors and checks.
 */
export async function createApp(
  config: Config,
  logger: Logger,
  more: readonly Service[] = [],
): Promise<App> {
  arm(config.failpoint);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Whoever waits for it hears of it.
  const store = await openStore(config, logger, failed.reject);
  const replicaId = newId(store.nowMs());
  const engine = createEngine({ store, limits: config.limits, logger, replicaId });
  const server = createServer(config, engine, replicaId, logger, more);
  let url = "";

  return {
    get url() {
      return url;
    },
    failed: failed.promise,

    async listen() {
      engine.start();
      const port = await server.listen(config.port, config.host);
      const host = config.host.includes(":") ? `[${config.host}]` : config.host;
      url = `${config.tls === undefined ? "http" : "https"}://${host}:${port}`;
    },

    reload() {
      if (config.tls !== undefined) server.reload(loadCertificate(config.tls));
    },

    async close() {
      await server.drain(GRACE_MS);
      await engine.stop();
      await store.close();
    },
  };
}

function createServer(
  config: Config,
  engine: Engine,
  replicaId: string,
  logger: Logger,
  more: readonly Service[],
): OpsServer {
  const { limits, httpLimits, tls, local, allowedHosts, allowedOrigins, reflection } = config;
  const server = {
    version: VERSION,
    minClientVersion: VERSION,
    replicaId,
    store: "sqlite",
    limits: { ...limits, ...httpLimits },
  } as const;
  return createOpsServer({
    services: [
      serve(LifecycleService, lifecycleHandlers(engine, server)),
      serve(WorkflowService, workflowHandlers(engine)),
      serve(TaskService, taskHandlers(engine)),
      serve(LoggingService, loggingHandlers(engine)),
      ...more,
    ],
    authenticator: createAuthenticator(config.apiKeys, engine.journals.nowMs),
    hosts: { local, allowedHosts, allowedOrigins },
    limits: httpLimits,
    ...(tls && { tls: loadCertificate(tls) }),
    reflection,
    version: VERSION,
    readiness: () => ({ status: engine.health() }),
    nowMs: engine.journals.nowMs,
    logger,
  });
}

function openStore(
  { store }: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
): Promise<Store> {
  const path = store.type === "memory" ? ":memory:" : store.folder;
  return openSqliteStore({ path, logger, onFatal });
}
