import type { Server as Http1Server } from "node:http";
import type { Http2Server } from "node:http2";
import type { Socket } from "node:net";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** No HTTP/1.1 method begins like this. */
const DECIDED = 4;

/**
 * Hands a new connection to the server that speaks its protocol, told by its
 * first bytes. A connection that says nothing in time is closed: timers of the
 * servers only begin once they have it.
 */
export function sniff(
  socket: Socket,
  http1: Http1Server,
  http2: Http2Server,
  firstByteMs: number,
): void {
  const timer = setTimeout(() => socket.destroy(), firstByteMs);
  let seen = Buffer.alloc(0);

  function onData(bytes: Buffer): void {
    seen = Buffer.concat([seen, bytes]);
    const length = Math.min(seen.length, DECIDED);
    const isPreface = seen.subarray(0, length).equals(PREFACE.subarray(0, length));
    if (isPreface && length < DECIDED) return;
    clearTimeout(timer);
    socket.off("data", onData);
    socket.pause();
    socket.unshift(seen);
    // HTTP/2 takes what was read and then the handle itself; HTTP/1.1 listens to the stream.
    (isPreface ? http2 : http1).emit("connection", socket);
    if (!isPreface) socket.resume();
  }

  socket.on("data", onData);
  socket.once("close", () => clearTimeout(timer));
}
