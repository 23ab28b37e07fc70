import {
  constants,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { HttpLimits } from "./limits.ts";
import { cutStalled } from "./stalled.ts";

/** After GOAWAY a session has this long to leave. */
const LEAVE_MS = 5_000;
const PINGS_LOST_MAX = 2;

/**
 * Watches over the HTTP/2 connections of a server: idle ones are told to leave,
 * dead ones are found by ping, and requests whose body never ends are reset.
 * Node's own timers do none of this on connections that are handed over.
 */
export function watchSessions(
  server: Http2Server,
  limits: HttpLimits,
  streamsRequests: (path: string) => boolean,
): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    const stopPings = pingEvery(session, limits.ping_ms);
    const streams = closeWhenIdle(session, limits.session_idle_ms);
    const open = new Set<ServerHttp2Stream>();
    // Those that still write are watched by whoever writes.
    const answered = () => [...open].filter(({ writableEnded }) => writableEnded);
    const stopCutting = cutStalled(answered, limits.stall_ms, (stream) =>
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    );
    session.once("close", () => {
      stopPings();
      stopCutting();
      sessions.delete(session);
    });
    session.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      streams.opened();
      open.add(stream);
      stream.once("close", () => {
        open.delete(stream);
        streams.closed();
      });
      if (streamsRequests(String(headers[":path"] ?? "").split("?", 1)[0] ?? "")) return;
      const timer = setTimeout(() => {
        if (isSending(stream)) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }, limits.request_ms);
      stream.once("end", () => clearTimeout(timer));
      stream.once("close", () => clearTimeout(timer));
    });
  });
  return sessions;
}

/** Whether the peer has not ended its side yet. */
function isSending({ state }: ServerHttp2Stream): boolean {
  return (
    state.state === constants.NGHTTP2_STREAM_STATE_OPEN ||
    state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL
  );
}

/** Asks a session to leave once it has had no stream for a while. Pings do not count as use. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number) {
  let open = 0;
  let timer = setTimeout(leave, idleMs);

  function leave(): void {
    session.close();
    setTimeout(() => session.destroy(), LEAVE_MS).unref();
  }
  session.once("close", () => clearTimeout(timer));
  return {
    opened(): void {
      open++;
      clearTimeout(timer);
    },
    closed(): void {
      open--;
      if (open > 0 || session.closed) return;
      clearTimeout(timer);
      timer = setTimeout(leave, idleMs);
    },
  };
}

function pingEvery(session: ServerHttp2Session, pingMs: number): () => void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered >= PINGS_LOST_MAX) {
      session.destroy();
      return;
    }
    unanswered++;
    if (session.destroyed) return;
    session.ping((error) => {
      if (error === null) unanswered = 0;
    });
  }, pingMs);
  return () => clearInterval(timer);
}
