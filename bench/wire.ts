import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { BinaryReader } from "@bufbuild/protobuf/wire";

const ENVELOPE_BYTES = 5;
/** The last envelope of a stream, which says how it ended. */
const END_FLAG = 0b10;

/**
 * A client that costs as little as it can, so that the server is what is
 * measured: the Connect protocol in bytes that are encoded once.
 */
export interface Wire extends Disposable {
  /** @throws when the answer is no success. */
  unary(path: string, body: Uint8Array): Promise<Uint8Array>;
  /** Opens a server stream; resolves with its first message. `onMessage` gets all after it. */
  open(path: string, body: Uint8Array, onMessage: (message: Uint8Array) => void): Promise<void>;
}

export function openWire(url: string): Wire {
  const session = connect(url);
  session.on("error", () => undefined); // Its streams fail with it.
  const { host } = new URL(url);

  return {
    async unary(path, body) {
      const stream = request(session, host, path, "application/proto");
      stream.end(body);
      return await bodyOf(stream);
    },

    open(path, body, onMessage) {
      const stream = request(session, host, path, "application/connect+proto");
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let take = (_: Uint8Array): void => {
        take = onMessage;
        resolve();
      };
      const read = envelopes((message) => take(message));
      stream.on("data", read).on("error", reject);
      stream.on("close", () => reject(new Error(`${path} ended`)));
      promise.catch(() => undefined);
      stream.end(envelope(body));
      return promise;
    },

    [Symbol.dispose]: () => session.destroy(),
  };
}

/** How often a field is there, without decoding the message. */
export function countField(message: Uint8Array, field: number): number {
  const reader = new BinaryReader(message);
  let count = 0;
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field) count++;
    reader.skip(type, number);
  }
  return count;
}

function request(
  session: ClientHttp2Session,
  host: string,
  path: string,
  contentType: string,
): ClientHttp2Stream {
  return session.request({
    ":method": "POST",
    ":path": path,
    ":authority": host,
    "content-type": contentType,
    "connect-protocol-version": "1",
  });
}

function bodyOf(stream: ClientHttp2Stream): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let status = 0;
  stream.on("response", (headers) => {
    status = Number(headers[":status"]);
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", reject);
  stream.on("end", () => {
    const body = Buffer.concat(chunks);
    if (status === 200) resolve(body);
    else reject(new Error(`status ${status}: ${body.toString()}`));
  });
  return promise;
}

function envelope(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(ENVELOPE_BYTES + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, ENVELOPE_BYTES);
  return framed;
}

/** Cuts a stream of bytes into messages. */
function envelopes(onMessage: (message: Uint8Array) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= ENVELOPE_BYTES) {
      const end = ENVELOPE_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) return;
      const isEnd = ((rest[0] ?? 0) & END_FLAG) !== 0;
      if (!isEnd) onMessage(rest.subarray(ENVELOPE_BYTES, end));
      rest = rest.subarray(end);
    }
  };
}
