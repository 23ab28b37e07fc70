import { type DescMethod, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { METHODS } from "../contract/services.ts";
import { hostileValues, IS_THOROUGH, leadsTo, type Path, pathsOf, placed } from "./hostile.ts";
import { detailOf, faults, type Judgement, judgeBinary, judgeJson } from "./oracle.ts";
import { readEverything } from "./reads.ts";
import { samplesOf, seed, type World } from "./samples.ts";
import { openTarget, type Target } from "./target.ts";
import { type Answer, type Door, doorsFor, openWire, type Wire } from "./wire.ts";
import { hostileRecords, withRecord } from "./wire-faults.ts";

// Every field of every method gets hostile values of its kind, through real sockets and by every
// door. Nothing that is wrong is more than refused, and afterwards everything can still be read.
// All of them take minutes: set OPSCORE_TEST_FUZZ_SECONDS.

/** One in so many of the cases of a method, of every field some; all of them when there is time. */
const STRIDE = IS_THOROUGH ? { wrong: 1, open: 1 } : { wrong: 5, open: 17 };
vi.setConfig({ testTimeout: IS_THOROUGH ? 600_000 : 60_000 });
const AT_ONCE = 8;

interface Case {
  readonly what: string;
  readonly body: Uint8Array;
  readonly door: Door;
  readonly judgement: Judgement;
  /** Refused whatever the rules say. */
  readonly never: boolean;
  readonly field: string;
}

let target: Target;
let wire: Wire;
let world: World;
let samples: ReturnType<typeof samplesOf>;

beforeAll(async () => {
  target = await openTarget();
  world = await seed(target.url);
  samples = samplesOf(world);
  wire = openWire(target.url);
});
afterAll(async () => {
  wire[Symbol.dispose]();
  await target[Symbol.asyncDispose]();
});

const names = METHODS.map((method) => [method.name, method] as const);

test.each(names)("the samples of %s are right and lead to every field", (name, method) => {
  const own = samples[name] ?? [];
  for (const sample of own) {
    expect(judgeJson(method.input, JSON.stringify(sample))).toEqual({ type: "wellFormed" });
  }
  const lost = [...pathsOf(method.input)].filter((path) => !own.some((one) => leadsTo(one, path)));
  expect(lost.map(nameOf)).toEqual([]);
});

describe.each(names)("%s", (_, method) => {
  test("what is wrong is refused, named, and changes nothing", async () => {
    const before = target.written();
    const wrong = casesOf(method).filter((one) => one.never || one.judgement.type !== "wellFormed");
    const some = wrong.filter((_, i) => i % STRIDE.wrong === 0);
    const found = await each(method, some, async (one) =>
      misjudged(method, one, await send(method, one)),
    );
    expect(found).toEqual([]);
    expect(target.complaints()).toEqual([]);
    // The stream of a session is open before the first report on it can be wrong.
    if (method.methodKind !== "bidi_streaming") expect(target.written()).toBe(before);
  });
});

describe("size", () => {
  const BYTES_MAX = 4 * 1024 * 1024;
  /** A right request, as large as asked by spaces. */
  const padded = (method: DescMethod, bytes: number) =>
    Buffer.from(JSON.stringify(samples[method.name]?.[0]).padEnd(bytes, " "));

  test.each(METHODS.map((method, i) => [method.name, method, i] as const))(
    "%s is refused a byte above the limit",
    async (_, method, i) => {
      const doors = doorsFor(method, "json");
      const door = doors[i % doors.length] as Door;
      const answer = await door.send(wire, method, padded(method, BYTES_MAX + 1));
      expect(faults(answer)).toEqual([]);
      const limit = { name: "request_bytes", value: String(BYTES_MAX) };
      expect(detailOf(answer.error as never)).toMatchObject({
        reason: "ERROR_REASON_TOO_LARGE",
        limit,
      });
    },
  );

  test("at the limit a request is taken by every door", async () => {
    for (const method of METHODS.filter(({ name }) => ["GetAgent", "WatchAgents"].includes(name))) {
      for (const door of doorsFor(method, "json")) {
        expect((await door.send(wire, method, padded(method, BYTES_MAX))).error).toBeUndefined();
      }
    }
  });
});

describe("after all that was refused", () => {
  test.each(names)("what may be right does no harm to %s", async (_, method) => {
    const open = casesOf(method).filter((one) => !one.never && one.judgement.type === "wellFormed");
    const some = open.filter((_, i) => i % STRIDE.open === 0);
    const found = await each(method, some, async (one) => faults(await send(method, one)));
    expect(found).toEqual([]);
    expect(target.complaints()).toEqual([]);
  });

  test("everything can be read", async () => {
    expect(await readEverything(wire)).toEqual([]);
    expect(target.complaints()).toEqual([]);
  });
});

function casesOf(method: DescMethod): readonly Case[] {
  return [...jsonCases(method), ...binaryCases(method)];
}

function* jsonCases(method: DescMethod): Generator<Case> {
  const doors = doorsFor(method, "json");
  let turn = 0;
  for (const path of pathsOf(method.input)) {
    for (const { kind, text, never } of hostileValues(path.at(-1) as Path[number])) {
      const whole = JSON.stringify(placed(sampleFor(method, path), path, MARK));
      const request = whole.replace(`"${MARK}"`, () => text);
      yield {
        what: `${nameOf(path)}: ${kind}`,
        body: Buffer.from(request),
        door: doors[turn++ % doors.length] as Door,
        judgement: judgeJson(method.input, request),
        never,
        field: path.at(-1)?.jsonName ?? "",
      };
    }
  }
}

const MARK = "@hostile@";

function* binaryCases(method: DescMethod): Generator<Case> {
  const doors = doorsFor(method, "binary");
  let turn = 0;
  for (const path of pathsOf(method.input)) {
    const valid = fromJson(method.input, sampleFor(method, path));
    for (const { kind, bytes, never } of hostileRecords(path.at(-1) as Path[number])) {
      const body = withRecord(method.input, valid, path, bytes);
      yield {
        what: `${nameOf(path)}: ${kind}, in binary`,
        body,
        door: doors[turn++ % doors.length] as Door,
        judgement: judgeBinary(method.input, body),
        never,
        field: "",
      };
    }
  }
}

function sampleFor(method: DescMethod, path: Path): JsonObject {
  const own = samples[method.name] ?? [];
  return own.find((sample) => leadsTo(sample, path)) ?? {};
}

function nameOf(path: Path): string {
  return path.map(({ name }) => name).join(".");
}

function send(method: DescMethod, { door, body }: Case): Promise<Answer> {
  return door.send(wire, method, body);
}

/** Sends some at once; what is found wrong, with what was sent. */
async function each(
  { methodKind }: DescMethod,
  cases: readonly Case[],
  look: (one: Case) => Promise<readonly string[]>,
): Promise<string[]> {
  const found: string[] = [];
  const rest = cases[Symbol.iterator]();
  const worker = async () => {
    for (const one of rest) {
      for (const fault of await look(one)) found.push(`${one.what}: ${fault}`);
    }
  };
  // Of the streams of one session, a new one ends the one before.
  const count = methodKind === "bidi_streaming" ? 1 : AT_ONCE;
  await Promise.all(Array.from({ length: count }, worker));
  return found;
}

/** How the refusal of something wrong is not what it should be. */
function misjudged(method: DescMethod, one: Case, answer: Answer): readonly string[] {
  const { error } = answer;
  const items = error === undefined ? itemErrors(answer) : [];
  if (error === undefined && items.length === 0) return ["was accepted"];
  const detail = error === undefined ? items[0]?.detail : detailOf(error);
  const wrongCode = error !== undefined && error.code !== Code.InvalidArgument;
  const text = `${error === undefined ? "" : Code[error.code]} ${error?.rawMessage} ${JSON.stringify(detail)}`;
  return [
    ...faults(answer),
    ...(wrongCode ? [`refused with ${text}`] : []),
    ...(isNamed(method, one, detail) ? [] : [`no place is named: ${text}`]),
  ];
}

interface Detail {
  readonly reason?: string;
  readonly pointer?: string;
}

function isNamed(
  method: DescMethod,
  { judgement, field }: Case,
  detail: Detail | undefined,
): boolean {
  const { pointer = "", reason } = detail ?? {};

  // Binary has no names, and frames of a two-way stream are gone when the decoder fails.
  if (field === "" || method.methodKind === "bidi_streaming") return reason !== undefined;
  const isCut = pointer.endsWith("…");
  if (judgement.type === "invalid") {
    return judgement.pointers.some((one) =>
      isCut
        ? one.startsWith(pointer.slice(0, -1))
        : `${pointer}/`.startsWith(`${one}/`) || `${one}/`.startsWith(`${pointer}/`),
    );
  }
  return pointer.includes(field);
}

/** Errors of items of a batch. */
function itemErrors({ messages }: Answer): readonly { readonly detail?: Detail }[] {
  return messages.flatMap((message) => {
    const { results = [], rejections = [] } = message as Record<
      string,
      { error?: { detail?: Detail; code: string } }[]
    >;
    return [...results, ...rejections].flatMap(({ error }) =>
      error?.code === "STATUS_CODE_INVALID_ARGUMENT" ? [error] : [],
    );
  });
}
