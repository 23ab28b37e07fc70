import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorDetailSchema, ErrorReason } from "../../../gen/opscore/v1/errors_pb.ts";
import { LifecycleService } from "../../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../../../gen/opscore/v1/logging_pb.ts";
import { TaskService } from "../../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../../gen/opscore/v1/workflow_pb.ts";
import { openTarget, type Target } from "../../fuzz/target.ts";
import { type Answer, DOORS, openWire, type Wire } from "../../fuzz/wire.ts";

// What hostile requests once did, each of them by its name.

const { getAgent, registerAgent, reportState, watchAgents, heartbeat } = LifecycleService.method;
const { publishTemplate, validateTemplate, listRunEntries } = WorkflowService.method;

let target: Target;
let wire: Wire;
beforeAll(async () => {
  target = await openTarget();
  wire = openWire(target.url);
  await send("Connect JSON", registerAgent, { agentId: "a", spec: {} });
});
afterAll(async () => {
  wire[Symbol.dispose]();
  await target[Symbol.asyncDispose]();
});

function send(
  door: string,
  method: Parameters<(typeof DOORS)[string]["send"]>[1],
  body: object | string | Uint8Array,
) {
  const bytes =
    body instanceof Uint8Array
      ? body
      : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return (DOORS[door] as (typeof DOORS)[string]).send(wire, method, bytes);
}

function refusal({ error }: Answer) {
  const details = error?.findDetails(ErrorDetailSchema) ?? [];
  expect(details).toHaveLength(1);
  return { code: error?.code, reason: details[0]?.reason, pointer: details[0]?.pointer };
}

const MALFORMED = { code: Code.InvalidArgument, reason: ErrorReason.MALFORMED };
const INVALID = { code: Code.InvalidArgument, reason: ErrorReason.INVALID_FIELD };

describe("a message that does not fit names the field", () => {
  test.each([
    ["a message that is none", { report: 1 }, "/report"],
    ["an unknown field", { report: { agentId: "a", stat: 1 } }, "/report/stat"],
    ["an enum", { report: { state: "HAPPY" } }, "/report/state"],
    ["a time", { report: { eventTime: "yesterday" } }, "/report/eventTime"],
    [
      "levels",
      { report: { details: JSON.parse(`${'{"a":'.repeat(150)}1${"}".repeat(150)}`) } },
      "/report/details",
    ],
    ["no object", [], ""],
  ])("%s", async (_, body, pointer) => {
    for (const door of ["Connect JSON", "gRPC JSON", "gRPC-Web JSON"]) {
      expect(refusal(await send(door, reportState, body)), door).toMatchObject({
        ...MALFORMED,
        pointer,
      });
    }
  });

  test("ten digits after the second", async () => {
    const answer = await send("Connect JSON", getAgent, { agentId: "a", wait: "1.0000000001s" });
    expect(refusal(answer)).toMatchObject({ ...MALFORMED, pointer: "/wait" });
    expect(answer.error?.rawMessage).toContain("a duration");
  });

  test("in streams, whichever way they end", async () => {
    for (const door of ["Connect JSON stream", "gRPC JSON", "gRPC-Web JSON", "NDJSON", "SSE"]) {
      const answer = await send(door, watchAgents, { start: { since: 1 } });
      expect(refusal(answer), door).toMatchObject({ ...MALFORMED, pointer: "/start/since" });
    }
  });
});

test("a frame that cannot be decoded is not our fault", async () => {
  for (const door of ["gRPC JSON", "Connect JSON stream"]) {
    expect(refusal(await send(door, TaskService.method.workTasks, { open: 1 }))).toMatchObject(
      MALFORMED,
    );
  }
  const bytes = Uint8Array.of(0xff, 0xff, 0xff);
  expect(refusal(await send("gRPC", TaskService.method.workTasks, bytes))).toMatchObject(MALFORMED);
  expect(target.complaints()).toEqual([]);
});

test("text that is no UTF-8 is not repaired in silence", async () => {
  const body = Buffer.concat([
    Buffer.from('{"agentId":"a'),
    Buffer.of(0xc3, 0x28),
    Buffer.from('"}'),
  ]);
  expect(refusal(await send("Connect JSON", getAgent, body))).toMatchObject(MALFORMED);
  const filter = Buffer.concat([
    Buffer.from('{"filter":"a'),
    Buffer.of(0xc3, 0x28),
    Buffer.from('"}'),
  ]);
  expect(refusal(await send("NDJSON", watchAgents, filter))).toMatchObject(MALFORMED);
});

test("a message that is too large is refused before its client has sent it all", async () => {
  // Nobody read the rest, so the stream was full and stayed open until its time was over.
  const body = Buffer.from('{"agentId":"a"}'.padEnd(5_000_000, " "));
  for (const door of ["Connect JSON", "gRPC JSON", "gRPC-Web JSON"]) {
    const large = { code: Code.ResourceExhausted, reason: ErrorReason.TOO_LARGE };
    expect(refusal(await send(door, getAgent, body)), door).toMatchObject(large);
  }
}, 20_000);

describe("errors fit into what clients take", () => {
  test("thousands of broken rules, over gRPC", async () => {
    const held = Array.from({ length: 10_000 }, () => ({}));
    const beat = { agentId: "a", sessionId: "s", epoch: 1, held };
    const answer = await send("gRPC JSON", heartbeat, { beat });
    expect(refusal(answer)).toMatchObject({ ...INVALID, pointer: "/beat/held" });
  });

  test("a key of 1 MiB", async () => {
    const labels = { ["k".repeat(1 << 20)]: "v" };
    const answer = await send("gRPC JSON", registerAgent, { agentId: "a", spec: { labels } });
    expect(refusal(answer)).toMatchObject({
      ...INVALID,
      pointer: expect.stringMatching(/^\/spec\/labels\/k+…$/),
    });
    expect(answer.error?.rawMessage.length).toBeLessThanOrEqual(300);
  });

  test("a hundred findings", async () => {
    const steps = Array.from({ length: 100 }, (_, i) => ({
      id: `${i}!`,
      if: "?".repeat(500),
      set: {},
    }));
    const template = { templateId: "t", version: "1.0.0", main: { steps } };
    const answer = await send("gRPC JSON", publishTemplate, { source: { template } });
    const [detail] = answer.error?.findDetails(ErrorDetailSchema) ?? [];
    expect(detail?.reason).toBe(ErrorReason.TEMPLATE_INVALID);
    expect(detail?.diagnostics.length).toBeGreaterThan(1);
  });
});

describe("half a character in an error", () => {
  // The parser of expressions names one half of what it does not expect: that text made gRPC wait for ever.
  test.each(["\u{1f9d1}", "a.\u{1f680}"])("%s as a filter and as a condition", async (text) => {
    for (const door of ["Connect JSON", "gRPC JSON", "gRPC-Web JSON"]) {
      const filter = await send(door, listRunEntries, { filter: text });
      expect(filter.error?.findDetails(ErrorDetailSchema)[0]?.reason, door).toBe(
        ErrorReason.INVALID_FILTER,
      );
      const steps = [{ id: "s", if: text, set: { values: {} } }];
      const source = { template: { templateId: "t", version: "1.0.0", main: { steps } } };
      expect((await send(door, publishTemplate, { source })).error?.code, door).toBe(
        Code.InvalidArgument,
      );
      expect((await send(door, validateTemplate, { source })).error, door).toBeUndefined();
    }
  });
});

describe("what no reader could be sent", () => {
  const time = (seconds: bigint, nanos: number) =>
    new BinaryWriter().tag(1, 0).int64(seconds).tag(2, 0).int32(nanos).finish();

  test("times beyond the year 9999", async () => {
    const entry = (at: Uint8Array) =>
      new BinaryWriter().tag(5, 2).string("m").tag(7, 2).bytes(at).finish();
    const { logOperations, searchLogs } = LoggingService.method;
    const late = new BinaryWriter()
      .tag(3, 2)
      .bytes(entry(time(2n ** 62n, 0)))
      .finish();
    expect(refusal(await send("Connect binary", logOperations, late))).toMatchObject({
      ...INVALID,
      pointer: "/entries/0/eventTime",
    });
    // The last moment of that year is kept, and not rounded up into the next.
    const last = new BinaryWriter()
      .tag(3, 2)
      .bytes(entry(time(253_402_300_799n, 999_999_999)))
      .tag(5, 0)
      .int32(2)
      .finish();
    expect((await send("Connect binary", logOperations, last)).error).toBeUndefined();
    const { messages } = await send("Connect JSON", searchLogs, {});
    expect(messages).toMatchObject([{ entries: [{ eventTime: "9999-12-31T23:59:59.999Z" }] }]);
  });

  test("infinity in details", async () => {
    const body = '{"report":{"agentId":"a","statusText":"s","details":{"a":{"b":[1e400]}}}}';
    expect(refusal(await send("Connect JSON", reportState, body))).toMatchObject({
      ...INVALID,
      pointer: expect.stringMatching(/^\/report\/details/),
    });
  });
});
