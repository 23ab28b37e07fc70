import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/opscore/v1/errors_pb.ts";
import {
  LogDurability,
  LoggingService,
  Severity,
  type TailLogsResponse,
} from "../../gen/opscore/v1/logging_pb.ts";
import { callOf, next, openRig, type Rig, refusalOf, type TestCall, upTo } from "./rig.ts";

const { method } = LoggingService;
let rig: Rig;
const calls: TestCall[] = [];

beforeEach(async () => {
  rig = await openRig({ progress_ms: 500 });
});
afterEach(async () => {
  for (const call of calls.splice(0)) call.leave();
  await rig[Symbol.asyncDispose]();
});

function caller(options = {}): TestCall {
  const call = callOf(options);
  calls.push(call);
  return call;
}

const log = (messages: readonly string[], extra = {}, call = caller()) =>
  rig.ask(
    method.logOperations,
    {
      entries: messages.map((message) => ({ operation: "test.said", message })),
      durability: LogDurability.COMMITTED,
      ...extra,
    },
    call,
  );
const tail = (message = {}, call = caller()) => rig.open(method.tailLogs, message, call);
const words = ({ entries }: { entries: readonly { message: string }[] }) =>
  entries.map(({ message }) => message);
const said = ({ entries }: TailLogsResponse) => entries.length > 0;

describe("writing", () => {
  test("is counted per producer: what was sent before is a duplicate", async () => {
    const numbered = { producerId: "p", firstProducerSeq: 1n };
    expect(await log(["a", "b"], numbered)).toMatchObject({ accepted: 2, lastProducerSeq: 2n });
    expect(await log(["a", "b", "c"], numbered)).toMatchObject({
      accepted: 1,
      duplicates: 2,
      lastProducerSeq: 3n,
    });
  });

  test("rejects what is wrong alone; its number is used up", async () => {
    const { accepted, rejections, lastProducerSeq } = await rig.ask(method.logOperations, {
      producerId: "p",
      firstProducerSeq: 1n,
      durability: LogDurability.COMMITTED,
      entries: [
        { message: "one" },
        { operation: "NOT A NAME" },
        { message: "three" },
        {
          message: "four",
          attributes: Object.fromEntries([...Array(65).keys()].map((k) => [`k${k}`, 1])),
        },
      ],
    });
    expect({ accepted, lastProducerSeq }).toEqual({ accepted: 2, lastProducerSeq: 4n });
    expect(rejections).toMatchObject([
      {
        index: 1,
        error: { detail: { reason: ErrorReason.INVALID_FIELD, pointer: "/entries/1/operation" } },
      },
      { index: 3, error: { detail: { pointer: "/entries/3/attributes" } } },
    ]);
    const { entries } = await rig.ask(method.searchLogs, { oldestFirst: true });
    expect(entries).toMatchObject([
      { message: "one", producerSeq: 1n },
      { message: "three", producerSeq: 3n },
    ]);
  });

  test("is about the caller, if that is an agent, and about no other", async () => {
    const ada = caller({ principal: "agent:ada" });
    const { rejections } = await rig.ask(
      method.logOperations,
      {
        durability: LogDurability.COMMITTED,
        entries: [{ message: "mine" }, { message: "not mine", agentId: "bo" }],
      },
      ada,
    );
    expect(rejections).toMatchObject([
      { index: 1, error: { detail: { reason: ErrorReason.IDENTITY_MISMATCH } } },
    ]);
    const { entries } = await rig.ask(method.searchLogs, {});
    expect(entries).toMatchObject([{ message: "mine", agentId: "ada", actor: "agent:ada" }]);
  });
});

describe("searching", () => {
  test("finds by filter, page by page, the newest first", async () => {
    await log(["a", "b", "c"]);
    await log(["bad"], {
      entries: [{ message: "bad", severity: Severity.ERROR, attributes: { n: 1 } }],
    });
    const first = await rig.ask(method.searchLogs, { pageSize: 3 });
    expect(words(first)).toEqual(["bad", "c", "b"]);
    expect(first.tailFrom).not.toBe("");
    const rest = await rig.ask(method.searchLogs, { pageSize: 3, pageToken: first.nextPageToken });
    expect(words(rest)).toEqual(["a"]);
    expect(rest.tailFrom).toBe("");
    expect(words(await rig.ask(method.searchLogs, { filter: "severity >= 'warn'" }))).toEqual([
      "bad",
    ]);
    expect(words(await rig.ask(method.searchLogs, { filter: "attributes['n'] == 1" }))).toEqual([
      "bad",
    ]);
    const other = rig.ask(method.searchLogs, { pageToken: first.nextPageToken, text: "b" });
    expect(await refusalOf(other)).toMatchObject({ code: "invalid_page_token" });
  });

  test("for text needs a bound", async () => {
    await log(["Hello World"]);
    expect(await refusalOf(rig.ask(method.searchLogs, { text: "world" }))).toMatchObject({
      code: "invalid_filter",
    });
    const nowMs = rig.store.nowMs();
    const window = {
      fromTime: timestampFromMs(Math.floor(nowMs) - 60_000),
      toTime: timestampFromMs(Math.floor(nowMs) + 60_000),
    };
    expect(words(await rig.ask(method.searchLogs, { text: "world", ...window }))).toEqual([
      "Hello World",
    ]);
  });

  test("and the tail after it see every entry between them", async () => {
    await log(["a"]);
    const { tailFrom } = await rig.ask(method.searchLogs, {});
    await log(["b"]);
    const frames = tail({ start: { start: { case: "after", value: tailFrom } } });
    expect(words((await upTo(frames, said)).at(-1) ?? { entries: [] })).toEqual(["b"]);
  });
});

describe("a tail", () => {
  test("begins now, and tells entries by filter and text", async () => {
    await log(["before"]);
    const all = tail();
    const some = tail({ text: "NEED" });
    expect((await next(all)).entries).toEqual([]);
    await next(some);
    await log(["hay", "needle", "hay"]);
    const seen: string[] = [];
    while (seen.length < 3) seen.push(...words(await next(all)));
    expect(seen).toEqual(["hay", "needle", "hay"]);
    expect(words((await upTo(some, said)).at(-1) ?? { entries: [] })).toEqual(["needle"]);
  });

  test("shows the last few first; resumed from inside them it repeats none", async () => {
    await log(["a", "b", "c", "d"]);
    const frames = tail({ last: 3 });
    const opened = await next(frames);
    const history = await next(frames);
    expect(words(history)).toEqual(["b", "c", "d"]);
    const again = tail({ start: { start: { case: "after", value: opened.cursor } } });
    expect(words((await upTo(again, said)).at(-1) ?? { entries: [] })).toEqual(["b", "c", "d"]);
    await log(["e"]);
    expect(words((await upTo(frames, said)).at(-1) ?? { entries: [] })).toEqual(["e"]);
  });

  test("shows the last few with a text", async () => {
    await log(["needle 1", "hay", "needle 2", "hay", "needle 3"]);
    const frames = tail({ last: 2, text: "needle" });
    await next(frames);
    expect(words(await next(frames))).toEqual(["needle 2", "needle 3"]);
  });

  test("has a unary twin that begins now and waits", async () => {
    await log(["before"]);
    const { entries, next: from } = await rig.ask(method.listLogEntries, {});
    expect(entries).toEqual([]);
    const waiting = rig.ask(method.listLogEntries, { after: from, wait: { seconds: 20n } });
    await log(["after"]);
    expect(words(await waiting)).toEqual(["after"]);
  });

  test("does not see other namespaces", async () => {
    const frames = tail();
    await next(frames);
    await log(["theirs"], {}, caller({ namespace: "other" }));
    await log(["ours"]);
    expect(words((await upTo(frames, said)).at(-1) ?? { entries: [] })).toEqual(["ours"]);
  });
});
