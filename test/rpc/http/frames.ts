import { connect, type Socket } from "node:net";

/** Frames of HTTP/2 by hand, for what no client library would send. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;
const HEAD_BYTES = 9;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** A header block: GET or POST of a path on localhost, and more literal fields. */
export function block(
  method: "GET" | "POST",
  path: string,
  more: Readonly<Record<string, string>> = {},
): Buffer {
  const fields = Object.entries(more).flatMap(([name, value]) => [
    Buffer.from([0]),
    text(name),
    text(value),
  ]);
  // Static entries: the method, :scheme http; then names 4 (:path) and 1 (:authority).
  const start = Buffer.from([method === "GET" ? 0x82 : 0x83, 0x86, 0x04]);
  return Buffer.concat([start, text(path), Buffer.from([0x01]), text("localhost"), ...fields]);
}

function text(value: string): Buffer {
  return Buffer.concat([integer(value.length), Buffer.from(value)]);
}

/** An integer with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

export interface RawSession {
  readonly socket: Socket;
  /** How the server ended it, or the stream: the first of either. */
  readonly outcome: Promise<string>;
}

/** A connection that has said the preface; it answers pings and settings, so it is alive. */
export function openRaw(port: number, settings: Uint8Array = Buffer.alloc(0)): RawSession {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(FRAME.settings, 0, 0, settings));
  const ended = Promise.withResolvers<string>();
  socket.on("close", () => ended.resolve("closed"));
  onFrames(socket, ({ type, isAck, payload }) => {
    if (type === FRAME.ping && !isAck) socket.write(frame(FRAME.ping, ACK, 0, payload));
    if (type === FRAME.settings && !isAck) socket.write(frame(FRAME.settings, ACK, 0));
    if (type === FRAME.reset) ended.resolve(`reset ${payload.readUInt32BE(0)}`);
    if (type === FRAME.goaway) ended.resolve(`goaway ${payload.readUInt32BE(4)}`);
  });
  return { socket, outcome: ended.promise };
}

interface Heard {
  readonly type: number;
  readonly isAck: boolean;
  readonly payload: Buffer;
}

function onFrames(socket: Socket, hear: (heard: Heard) => void): void {
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) return;
      const isAck = (bytes.readUInt8(4) & ACK) !== 0;
      hear({ type: bytes.readUInt8(3), isAck, payload: bytes.subarray(HEAD_BYTES, end) });
      bytes = bytes.subarray(end);
    }
  });
}
