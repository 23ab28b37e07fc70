import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromJson,
  fromJsonString,
  type JsonObject,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { codeFromHttpStatus, errorFromJson } from "@connectrpc/connect/protocol-connect";
import { gather } from "./feed.ts";

const PLURAL: Readonly<Record<string, string>> = {
  entry: "entries",
  agent: "agents",
  run: "runs",
};
const LONGEST_S = "60";

/**
 * What a shell script sees: every call is a curl, unary ones plain JSON, streams
 * NDJSON by POST, or SSE by GET as an EventSource would.
 */
export function createCurlTransport(url: string, lines: "ndjson" | "sse"): Transport {
  return {
    async unary(method, signal, _timeoutMs, header, input) {
      const body = JSON.stringify(jsonOf(method.input, input));
      const answer = await openCurl(signal, [
        ...["-H", "content-type: application/json", ...flagsOf(header)],
        ...["--data-binary", body, urlOf(url, method)],
      ]);
      const text = (await gather(answer.chunks)).join("");
      if (answer.status !== 200) throw errorOf(answer.status, text);
      const message = fromJsonString(method.output, text);
      const head = { header: answer.header, trailer: new Headers() };
      return { stream: false, service: method.parent, method, ...head, message };
    },

    async stream(method, signal, _timeoutMs, header, input) {
      const [message] = await gather(input);
      const json = jsonOf(method.input, message as never);
      const how = lines === "sse" ? eventSource(json) : post(json);
      const answer = await openCurl(signal, [
        ...["-N", ...flagsOf(header), ...how, urlOf(url, method)],
      ]);
      if (answer.status !== 200) {
        throw errorOf(answer.status, (await gather(answer.chunks)).join(""));
      }
      const parts = lines === "sse" ? eventsOf(answer.chunks) : linesOf(answer.chunks);
      const { parent: service } = method;
      const head = { header: answer.header, trailer: new Headers() };
      return { stream: true, service, method, ...head, message: framesOf(method, parts) } as never;
    },
  };
}

function post(json: JsonObject): readonly string[] {
  return ["-H", "content-type: application/json", "--data-binary", JSON.stringify(json)];
}

/** EventSource can only GET; where to resume goes into the header that browsers send. */
function eventSource({ start, ...json }: JsonObject): readonly string[] {
  const { after, ...rest } = (start ?? {}) as JsonObject;
  const whole = Object.keys(rest).length === 0 ? json : { ...json, start: rest };
  const last = after === undefined ? [] : ["-H", `last-event-id: ${after}`];
  const message = `message=${JSON.stringify(whole)}`;
  return ["-G", "--data-urlencode", message, "-H", "accept: text/event-stream", ...last];
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<JsonObject> {
  for await (const line of splitBy(chunks, "\n")) yield JSON.parse(line);
}

async function* eventsOf(chunks: AsyncIterable<string>): AsyncGenerator<JsonObject> {
  for await (const event of splitBy(chunks, "\n\n")) {
    const fields = Object.fromEntries(
      event.split("\n").map((line) => {
        const at = line.indexOf(": ");
        return [line.slice(0, at), line.slice(at + 2)];
      }),
    );
    if (fields["event"] === "error") yield { error: JSON.parse(fields["data"] ?? "") };
    else if (fields["data"] === undefined) yield { cursor: fields["id"] ?? "" };
    else yield withSameCursor(JSON.parse(fields["data"]), fields["id"]);
  }
}

function withSameCursor(line: JsonObject, id: string | undefined): JsonObject {
  if (line["cursor"] !== id) throw new Error(`event ${id} has the cursor ${line["cursor"]}`);
  return line;
}

async function* framesOf(method: DescMethod, lines: AsyncIterable<JsonObject>) {
  for await (const line of lines) {
    if (line["error"] !== undefined) throw errorFromJson(line["error"], undefined, unavailable());
    const parts = Object.entries(line).map(([name, value]) => {
      const plural = PLURAL[name];
      return plural === undefined ? [name, value] : [plural, [value]];
    });
    yield fromJson(method.output, Object.fromEntries(parts));
  }
}

interface Answer {
  readonly status: number;
  readonly header: Headers;
  readonly chunks: AsyncIterable<string>;
}

/** Resolves with the head of the answer. An answer that breaks off throws at its end. */
async function openCurl(
  signal: AbortSignal | undefined,
  flags: readonly string[],
): Promise<Answer> {
  signal?.throwIfAborted();
  const child = spawn("curl", ["-sS", "-i", "--max-time", LONGEST_S, ...flags], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const leave = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", leave, { once: true });
  const closed = once(child, "close").then(([code]) => {
    signal?.removeEventListener("abort", leave);
    return code as number | null;
  });
  const chunks = textOf(child.stdout.setEncoding("utf8"), closed);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const { done, value } = await chunks.next();
    if (done) throw unavailable();
    text += value;
  }
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...fields] = text.slice(0, end).split("\r\n");
  const header = new Headers(
    fields.map((field): [string, string] => {
      const at = field.indexOf(":");
      return [field.slice(0, at), field.slice(at + 1).trim()];
    }),
  );
  return {
    status: Number(first.split(" ")[1]),
    header,
    chunks: after(text.slice(end + 4), chunks),
  };
}

async function* textOf(
  stdout: AsyncIterable<string>,
  closed: Promise<number | null>,
): AsyncGenerator<string> {
  yield* stdout;
  if ((await closed) !== 0) throw unavailable();
}

async function* after(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

async function* splitBy(chunks: AsyncIterable<string>, mark: string): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of chunks) {
    const parts = (text + chunk).split(mark);
    text = parts.pop() ?? "";
    yield* parts;
  }
}

function errorOf(status: number, text: string): ConnectError {
  const fallback = new ConnectError(`HTTP ${status}: ${text}`, codeFromHttpStatus(status));
  try {
    return errorFromJson(JSON.parse(text), undefined, fallback);
  } catch {
    return fallback;
  }
}

function unavailable(): ConnectError {
  return new ConnectError("the connection broke", Code.Unavailable);
}

function jsonOf<I extends DescMessage>(schema: I, input: MessageInitShape<I>): JsonObject {
  return toJson(schema, create(schema, input)) as JsonObject;
}

function flagsOf(header: ConstructorParameters<typeof Headers>[0]): readonly string[] {
  return [...new Headers(header)].flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
}

function urlOf(url: string, { parent, name }: DescMethod): string {
  return `${url}/${parent.typeName}/${name}`;
}
