import { createConnection } from "node:net";
import {
  type DescMethod,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { checkExpression, ExpressionError, evaluate } from "../../src/core/expr.ts";
import { seal, unseal } from "../../src/rpc/seal.ts";
import { METHODS } from "../contract/services.ts";
import { fuzz, mutated } from "./fuzz.ts";
import { detailOf, faults } from "./oracle.ts";
import { readEverything } from "./reads.ts";
import { samplesOf, seed, type World } from "./samples.ts";
import { openTarget, type Target } from "./target.ts";
import { type Answer, type Door, doorsFor, openWire, type Wire } from "./wire.ts";

// What is sent is made up, mutated or forged. Whatever it is, the server refuses it as the contract
// says or does it, says nothing in its log, and goes on. Longer with OPSCORE_TEST_FUZZ_SECONDS=20.

let target: Target;
let wire: Wire;
let world: World;

beforeAll(async () => {
  target = await openTarget();
  world = await seed(target.url);

  wire = openWire(target.url);
});
afterAll(async () => {
  expect(await readEverything(wire)).toEqual([]);
  wire[Symbol.dispose]();
  await target[Symbol.asyncDispose]();
});

const NAMES = METHODS.map(({ name }) => name);

function methodOf(name: string): DescMethod {
  const method = METHODS.find((one) => one.name === name);
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

/** Sends through one of the doors of a form; whatever comes back must be fit for callers. */
async function tell(
  name: string,
  form: Door["form"],
  turn: number,
  body: Uint8Array,
): Promise<Answer> {
  const method = methodOf(name);
  const doors = doorsFor(method, form);
  const answer = await (doors[turn % doors.length] as Door).send(wire, method, body);
  expect(faults(answer)).toEqual([]);
  expect(target.complaints()).toEqual([]);
  if (method.methodKind === "unary") expect(answer.error ?? answer.messages[0]).toBeDefined();
  return answer;
}

const ask = (name: string, request: JsonValue, turn = 0) =>
  tell(name, "json", turn, Buffer.from(JSON.stringify(request)));

/** A request as the generators make it: they cannot know the ids of the running server. */
interface Sent {
  readonly name: string;
  readonly turn: number;
  readonly bytes: Uint8Array;
}

/** Ids differ from run to run: kept inputs and seeds must not. */
const STATIC = samplesOf({
  agentId: "a",
  sessionId: "s",
  epoch: 1,
  runId: "r",
  taskId: "t",
  leaseEpoch: 1,
});

function sentBy(write: (method: DescMethod, sample: JsonObject) => Uint8Array): fc.Arbitrary<Sent> {
  return fc.constantFrom(...NAMES).chain((name) => {
    const valid = fc.constantFrom(
      ...(STATIC[name] ?? [{}]).map((one) => write(methodOf(name), one)),
    );
    const bytes = fc.oneof(
      { weight: 4, arbitrary: mutated(valid) },
      fc.uint8Array({ maxLength: 300 }),
    );
    return fc.record({ name: fc.constant(name), turn: fc.nat(7), bytes });
  });
}

describe("requests", () => {
  fuzz(
    "protobuf bytes",
    250,
    (input) =>
      fc.asyncProperty(input, async ({ name, turn, bytes }) => {
        await tell(name, "binary", turn, Uint8Array.from(bytes));
      }),
    sentBy((method, sample) => toBinary(method.input, fromJson(method.input, sample))),
  );

  fuzz(
    "JSON",
    250,
    (input) =>
      fc.asyncProperty(input, async ({ name, turn, bytes }) => {
        await tell(name, "json", turn, Uint8Array.from(bytes));
      }),
    sentBy((_, sample) => Buffer.from(JSON.stringify(sample))),
  );
});

describe("cursors and page tokens", () => {
  const CURSORS: readonly (readonly [name: string, request: (cursor: string) => JsonValue])[] = [
    ["ListAgentEntries", (after) => ({ after })],
    ["ListRunEntries", (after) => ({ after })],
    ["ListLogEntries", (after) => ({ after })],
    ["WatchAgents", (after) => ({ start: { after } })],
    ["WatchRuns", (after) => ({ start: { after } })],
    ["TailLogs", (after) => ({ start: { after } })],
    ["ListAgents", (pageToken) => ({ pageToken, pageSize: 1 })],
    ["ListRuns", (pageToken) => ({ pageToken, pageSize: 1 })],
    ["ListTasks", (pageToken) => ({ pageToken, pageSize: 1 })],
    ["ListTemplates", (pageToken) => ({ pageToken, pageSize: 1 })],
    ["SearchLogs", (pageToken) => ({ pageToken, pageSize: 1 })],
    ["ListSessions", (pageToken) => ({ agentId: "a", pageToken, pageSize: 1 })],
  ];
  const SOURCES = [
    "ListAgentEntries",
    "ListRunEntries",
    "ListLogEntries",
    "ListAgents",
    "ListRuns",
  ];

  /** Cursors and tokens that the server itself has given. */
  async function given(): Promise<readonly string[]> {
    const answers = await Promise.all(SOURCES.map((name) => ask(name, { pageSize: 1 })));
    return answers.flatMap(({ messages: [message] }) => {
      const { next, nextPageToken, watchFrom } = message as Record<string, string>;
      return [next, nextPageToken, watchFrom].filter((one) => one !== undefined && one !== "");
    }) as string[];
  }

  const edit = fc.record({ at: fc.nat(100), cut: fc.nat(3), put: fc.string({ maxLength: 3 }) });
  const forged = fc.record({
    position: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    item: fc.option(
      fc.record({
        id: fc.string({ unit: "binary", maxLength: 150 }),
        createdMs: fc.oneof(fc.double(), fc.integer(), fc.constantFrom(1e300, -1, 2 ** 53)),
        count: fc.nat(2 ** 31 - 1),
      }),
      { nil: null },
    ),
  });
  const input = fc.record({
    which: fc.nat(20),
    to: fc.nat(CURSORS.length - 1),
    change: fc.oneof(
      fc.record({ edit }),
      fc.record({ forged }),
      fc.record({ foreign: fc.string({ maxLength: 600 }) }),
    ),
  });

  fuzz(
    "cursors and page tokens",
    150,
    (made) =>
      fc.asyncProperty(made, async ({ which, to, change }) => {
        const own = await given();
        const genuine = own[which % own.length] ?? "";
        const [name, request] = CURSORS[to] as (typeof CURSORS)[number];
        const cursor = changed(genuine, change);
        const { error } = await ask(name, request(cursor), which);
        // Whoever computes a checksum may go where the contract lets everybody go; nobody else gets in.
        if (cursor === "" || own.includes(cursor) || "forged" in change) return;
        expect(error?.code).toBe(Code.InvalidArgument);
      }),
    input,
  );

  function changed(
    genuine: string,
    change: typeof input extends fc.Arbitrary<infer T extends { change: unknown }>
      ? T["change"]
      : never,
  ): string {
    if ("foreign" in change) return change.foreign;
    if ("edit" in change) {
      const { at, cut, put } = change.edit;
      return genuine.slice(0, at) + put + genuine.slice(at + cut);
    }
    const { position, item } = change.forged;
    const { binding } = unseal(genuine) ?? { binding: new Uint8Array(12) };
    return seal({ position: BigInt(position), binding, ...(item && { item }) });
  }
});

/** Expressions and filters, from pieces of both. */
const PIECES = [
  ...[
    "state",
    "labels['k']",
    "attributes['a.b']",
    "agent_id",
    "time",
    "now",
    "input.x",
    "steps.one.output",
    "vars",
    "x",
  ],
  ...[
    "'idle'",
    "'%_\\\\'",
    "'\\x00'",
    "1",
    "-1",
    "1.5",
    "9223372036854775807",
    "1u",
    "true",
    "null",
    "[1, 'a']",
    "{'a': 1}",
  ],
  ...[
    "duration('1h')",
    "timestamp('2026-01-01T00:00:00Z')",
    "duration('1e99s')",
    "has(a.b)",
    "size(x)",
    "string(x)",
  ],
  ...[
    " == ",
    " != ",
    " < ",
    " in ",
    " && ",
    " || ",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " ? ",
    " : ",
    "!",
    "(",
    ")",
    "[",
    "]",
    ".",
  ],
  ...[
    ".startsWith('a')",
    ".matches('(a+)+$')",
    ".all(i, i > 0)",
    ".map(i, i)",
    ".exists(i, i.all(j, true))",
    ".join(',')",
  ],
  ...["\u{1f9d1}", "\ud83e", "\u0000", "`", '"', "'", "\\", "//", "\n", "__proto__", "constructor"],
];
const written = fc.oneof(
  fc
    .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 14 })
    .map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc
    .tuple(fc.constantFrom("(", "[", "!", "-", "a.", "1+", "{'a':", "x?"), fc.nat(1_100))
    .map(([piece, count]) => piece.repeat(count)),
);

describe("filters", () => {
  const NAMES = [
    "ListAgents",
    "ListRuns",
    "ListTasks",
    "ListAgentEntries",
    "ListRunEntries",
    "SearchLogs",
    "ListLogEntries",
    "WatchRuns",
    "TailLogs",
  ];
  fuzz(
    "filters",
    60,
    (input) =>
      fc.asyncProperty(input, async (filter) => {
        for (const [turn, name] of NAMES.entries()) {
          const { error } = await ask(name, { filter }, turn);
          if (error !== undefined) expect(error.code).toBe(Code.InvalidArgument);
        }
      }),
    written,
  );
});

describe("expressions", () => {
  const names = new Set(["input", "steps", "vars", "run"]);
  const values = {
    input: { x: [1, { y: "\u{1f9d1}" }, null], __proto__: 1 },
    vars: {},
    steps: { one: { output: 1 } },
    x: "ab",
  };
  fuzz(
    "expressions",
    600,
    (input) =>
      fc.property(input, (source) => {
        const { findings } = checkExpression(source, names);
        for (const { message } of findings) expect(message.isWellFormed()).toBe(true);
        try {
          const json = JSON.stringify(evaluate(source, values));
          expect(json.isWellFormed() && !/\\u0000|\\ud[89a-f]/.test(json)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError);
        }
      }),
    written,
  );
});

describe("template texts", () => {
  const YAML = `template_id: t\nversion: 2.0.0\nvars: {a: [1, "x"]}\nmain:\n  mode: graph\n  steps:\n    - id: one\n      task:\n        agent: {capability: "work@^1"}\n        input: {x: "vars.a[0]"}\n      retry: {max_attempts: 3, initial_delay: 1s}\n    - id: two\n      needs: [one]\n      if: steps.one.output.n > 1\n      fail: {reason: NO, message: "because \${steps.one.output}"}\n`;
  const JSON_TEXT = JSON.stringify({
    templateId: "t",
    version: "2.0.0",
    main: { steps: [{ id: "a", set: { values: { x: "1" } } }] },
  });
  const bomb = fc
    .tuple(
      fc.constantFrom(
        "[",
        "{a: ",
        "- ",
        "? ",
        "a:\n ",
        "&a [*a,",
        "!!binary ",
        "|\n",
        "'",
        "#",
        "\t",
        "{a: &a {b: *a}}\n",
        "--- x\n",
      ),
      fc.integer({ min: 1, max: 20_000 }),
    )
    .map(([piece, count]) => piece.repeat(count).slice(0, 200_000));
  const text = fc.oneof(
    {
      weight: 4,
      arbitrary: mutated(fc.constantFrom(Buffer.from(YAML), Buffer.from(JSON_TEXT))).map((bytes) =>
        Buffer.from(bytes).toString(),
      ),
    },
    { weight: 1, arbitrary: bomb },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 100 }) },
  );
  fuzz(
    "template texts",
    60,
    (input) =>
      fc.asyncProperty(input, async (source) => {
        const checked = await ask("ValidateTemplate", { source: { text: source } }, source.length);
        // A bad template is an answer; only what is no text to keep is refused.
        if (checked.error !== undefined) {
          expect(detailOf(checked.error)).toMatchObject({
            pointer: expect.stringMatching(/^\/source/),
          });
          return;
        }
        const [{ diagnostics = [] }] = checked.messages as [
          { diagnostics?: { error?: boolean }[] },
        ];
        const isBad = diagnostics.some(({ error }) => error === true);
        const published = await ask("PublishTemplate", { source: { text: source } }, source.length);
        if (isBad)
          expect(detailOf(published.error as never)?.reason).toBe("ERROR_REASON_TEMPLATE_INVALID");
      }),
    text,
  );
});

describe("HTTP", () => {
  const PATH = "/opscore.v1.LifecycleService/GetAgent";
  const LINES = [
    ...[
      `POST ${PATH} HTTP/1.1`,
      `GET ${PATH}?message=%zz HTTP/1.1`,
      `GET ${PATH}?connect=v1&encoding=json&base64=1&message=!! HTTP/1.1`,
      "PRI * HTTP/2.0",
      "GET / HTTP/9.9",
      "OPTIONS * HTTP/1.1",
    ],
    ...[
      "host: localhost",
      "host: ",
      "host: a b",
      "content-type: application/json",
      "content-type: application/grpc-web+proto",
      "content-type: application/connect+json",
      "content-type: application/proto; charset=\u00ff",
    ],
    ...[
      "content-length: 2",
      "content-length: -1",
      "content-length: 99999999999999999999",
      "transfer-encoding: chunked",
      "transfer-encoding: gzip, chunked",
      "content-encoding: gzip",
      "content-encoding: bogus",
      "expect: 100-continue",
      "upgrade: h2c",
      "connection: upgrade",
    ],
    ...[
      "connect-timeout-ms: x",
      "connect-timeout-ms: -5",
      "connect-timeout-ms: 99999999999",
      "grpc-timeout: 1Z",
      "grpc-timeout: 99999999999H",
      "connect-protocol-version: 2",
      "opscore-namespace: ../..",
      "opscore-namespace: \u00e9",
      "authorization: Bearer \u0001",
      "traceparent: x",
      "accept: text/event-stream",
      "last-event-id: \u00ff",
    ],
    ...[
      "",
      "{}",
      '{"agentId":"a"}',
      "5\r\n{}{}}\r\n0\r\n",
      "\u0000\u0000\u0000\u0000\u0002{}",
      "x".repeat(9_000),
      ": empty",
      "a\u0000b: c",
      " folded",
    ],
  ];
  const http1 = fc
    .array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 12 })
    .map((lines) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n{}`, "latin1"));
  const frame = fc
    .tuple(fc.nat(40), fc.nat(12), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 40 }))
    .map(([extra, type, flags, id, payload]) => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length + (extra > 36 ? extra : 0), 0, 3);
      head.writeUInt8(type, 3);
      head.writeUInt8(flags, 4);
      head.writeUInt32BE(id, 5);
      return Buffer.concat([head, payload]);
    });
  const http2 = fc
    .array(frame, { maxLength: 10 })
    .map((frames) =>
      Buffer.concat([
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
        ...frames,
      ]),
    );
  const bytes = fc.oneof(
    http1,
    http2,
    mutated(http1),
    mutated(http2),
    fc.uint8Array({ maxLength: 200 }),
  );

  fuzz(
    "HTTP bytes",
    150,
    (input) =>
      fc.asyncProperty(input, async (sent) => {
        await poke(Uint8Array.from(sent));
        const { messages } = await ask("GetAgent", { agentId: "a" });
        expect(messages).toMatchObject([{ agent: { agentId: "a" } }]);
      }),
    bytes,
  );

  /** Sends bytes over a fresh connection, ends it, and waits until the server has closed it, too. */
  function poke(sent: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const socket = createConnection(target.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("close", () => resolve());
      socket.once("data", () => socket.destroySoon());
      socket.resume();
      socket.end(sent);
      setTimeout(() => socket.destroy(), 200).unref();
    });
  }
});

describe("agents that lie", () => {
  const report = fc.record({
    reportSeq: fc.nat(5),
    taskId: fc.constantFrom("own", "none", "../x"),
    leaseEpoch: fc.constantFrom(0, 1, 2, 4_294_967_295),
    what: fc.constantFrom<JsonObject>(
      ...[
        { ack: {} },
        { complete: { output: { json: 1 } } },
        { complete: { output: { json: 2 } } },
        { release: {} },
      ],
      ...[
        { fail: { failure: { reason: "BAD", permanent: true } } },
        { fail: { failure: { reason: "bad" } } },
        {},
      ],
    ),
  });
  const frame = fc.record({
    opens: fc.boolean(),
    epoch: fc.constantFrom("own", 0, 1, 7, 4_294_967_295),
    beats: fc.boolean(),
    reports: fc.array(report, { maxLength: 4 }),
  });

  fuzz(
    "frames of agents",
    40,
    (input) =>
      fc.asyncProperty(input, async (frames) => {
        const { sessionId, epoch, taskId } = world;
        for (const { opens, epoch: said, beats, reports } of frames) {
          const claimed = said === "own" ? epoch : said;
          const items = reports.map(({ reportSeq, taskId: of, leaseEpoch, what }) => ({
            reportSeq,
            taskId: of === "own" ? taskId : of,
            leaseEpoch,
            ...what,
          }));
          const answer = await ask("WorkTasks", {
            ...(opens && { open: { sessionId, epoch: claimed, window: 1 } }),
            ...(beats && { beat: { agentId: "a", sessionId, epoch: claimed, held: [] } }),
            reports: items,
          });
          if (answer.error === undefined)
            expect(resultsOf(answer).map(({ reportSeq = 0 }) => reportSeq)).toEqual(
              items.map((item) => item.reportSeq),
            );
          await ask("ReportTasks", { reports: items });
        }
        expect(await endsOf(taskId)).toBeLessThanOrEqual(1);
      }),
    fc.array(frame, { minLength: 1, maxLength: 4 }),
  );

  function resultsOf({ messages }: Answer): readonly { reportSeq?: number }[] {
    return messages.flatMap(
      (message) => (message as { results?: { reportSeq?: number }[] }).results ?? [],
    );
  }

  /** How often a task has ended, by the journal. */
  async function endsOf(taskId: string): Promise<number> {
    const { messages } = await ask("ListRunEntries", { runId: world.runId, pageSize: 1_000 });
    const [{ entries = [] }] = messages as [
      { entries?: { task?: { taskId: string; toState: string } }[] },
    ];
    return entries.filter(
      ({ task }) => task?.taskId === taskId && /_(SUCCEEDED|FAILED|CANCELLED)$/.test(task.toState),
    ).length;
  }
});
