import {
  createServer as createHttp1,
  type ServerOptions as Http1Options,
  type Server as Http1Server,
} from "node:http";
import {
  createServer as createHttp2,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerOptions,
} from "node:http2";
import { createServer as createNet, type Server as NetServer, type Socket } from "node:net";
import type { HttpLimits } from "./limits.ts";
import type { Door } from "./request.ts";
import { watchSessions } from "./sessions.ts";
import { sniff } from "./sniff.ts";
import { cutStalled } from "./stalled.ts";

/** PEM texts. */
export interface TlsContext {
  readonly cert: string;
  readonly key: string;
}

export interface PortOptions {
  readonly door: Door;
  readonly limits: HttpLimits;
  /** Absent: clear text. */
  readonly tls?: TlsContext;
  /** Paths whose request body may stay open: two-way streams. */
  readonly streamsRequests: (path: string) => boolean;
}

/** One port for HTTP/1.1 and HTTP/2. */
export interface Port {
  /** Resolves with the port taken. */
  listen(port: number, host: string): Promise<number>;
  reload(tls: TlsContext): void;
  /** Stops accepting, lets open calls finish for `graceMs`, then cuts them. */
  drain(graceMs: number): Promise<void>;
}

const KEEP_ALIVE_LOOK_MS = 50;
/** A client may leave all its streams at once, and curl resets each call that it has read. */
const RESETS = { streamResetBurst: 1_000, streamResetRate: 100 };

export function createPort({ door, limits, tls, streamsRequests }: PortOptions): Port {
  const { outer, http1, http2 } =
    tls === undefined ? clearServers(door, limits) : secureServers(tls, limits);
  const sockets = new Set<Socket>();
  http2.on("request", door);
  http2.on("sessionError", () => undefined);
  const sessions = watchSessions(http2, limits, streamsRequests);
  outer.maxConnections = limits.connections;
  limitConnections(outer, sockets, limits);
  const readers = new Set<Socket>();
  outer.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    readers.add(socket);
    socket.once("close", () => readers.delete(socket));
  });
  const stopCutting = cutStalled(
    () => readers,
    limits.stall_ms,
    (socket) => socket.destroy(),
  );

  return {
    listen: (port, host) => listenOn(outer, port, host),
    reload: (context) => (outer as Http2SecureServer).setSecureContext(context),

    async drain(graceMs) {
      const closed = new Promise<void>((resolve) => outer.close(() => resolve()));
      for (const session of sessions) session.close();
      const idle = setInterval(() => closeIdle(http1, sessions), KEEP_ALIVE_LOOK_MS);
      closeIdle(http1, sessions);
      const cut = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(cut);
      clearInterval(idle);
      stopCutting();
      // Ends Node's connection checker, which its "listening" event began.
      http1.close();
    },
  };
}

/** The server that listens, and those that speak the protocols. With TLS all are one. */
interface Servers {
  readonly outer: NetServer | Http2SecureServer;
  readonly http1: Pick<Http1Server, "closeIdleConnections" | "close">;
  readonly http2: Http2Server;
}

function clearServers(door: Door, limits: HttpLimits): Servers {
  const http1 = createHttp1Server(door, limits);
  const http2 = createHttp2(http2Options(limits));
  const outer = createNet({ noDelay: true }, (socket) =>
    sniff(socket, http1, http2, limits.first_byte_ms),
  );
  return { outer, http1, http2 };
}

/** ALPN tells the protocol, and Node's own timers begin with the connection. */
function secureServers({ cert, key }: TlsContext, limits: HttpLimits): Servers {
  const options = { ...http1Options(limits), ...http2Options(limits), cert, key } as const;
  const server = createSecureServer({
    ...options,
    allowHTTP1: true,
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.handshake_ms,
  });
  // Both protocols' servers are this one, which its types do not say.
  return { outer: server, http1: server as never, http2: server as never };
}

function http1Options(limits: HttpLimits): Http1Options {
  return {
    keepAliveTimeout: limits.keep_alive_ms,
    // Node refuses to begin with more time for the headers than for all of the request.
    headersTimeout: Math.min(limits.headers_ms, limits.request_ms),
    requestTimeout: limits.request_ms,
    connectionsCheckingInterval: Math.min(1_000, limits.headers_ms),
    maxHeaderSize: limits.header_bytes,
    noDelay: true,
    // The guard refuses a missing Host itself, with a reason.
    requireHostHeader: false,
  };
}

function createHttp1Server(door: Door, limits: HttpLimits): Http1Server {
  const server = createHttp1(http1Options(limits), door);
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    else socket.destroy();
  });
  // This server never listens itself: without this its connection checker, which enforces
  // the two timeouts above, would never begin. Pinned by a test.
  server.emit("listening");
  return server;
}

function http2Options(limits: HttpLimits): ServerOptions {
  return {
    ...RESETS,
    settings: {
      maxConcurrentStreams: limits.streams_per_connection,
      maxHeaderListSize: limits.header_bytes,
    },
    maxHeaderListPairs: limits.header_pairs,
    maxSettings: 16,
    maxOutstandingPings: 4,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 20,
  };
}

/** Keeps one address from taking all connections, and every socket's error from ending the process. */
function limitConnections(
  server: NetServer | Http2SecureServer,
  sockets: Set<Socket>,
  limits: HttpLimits,
): void {
  const perAddress = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => undefined);
    const address = socket.remoteAddress ?? "";
    const count = (perAddress.get(address) ?? 0) + 1;
    if (count > limits.connections_per_ip && !isLoopback(address)) {
      socket.destroy();
      return;
    }
    perAddress.set(address, count);
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
  });
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

function closeIdle(http1: Servers["http1"], sessions: ReadonlySet<ServerHttp2Session>): void {
  http1.closeIdleConnections();
  for (const session of sessions) if (!session.closed) session.close();
}

function listenOn(
  server: NetServer | Http2SecureServer,
  port: number,
  host: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
