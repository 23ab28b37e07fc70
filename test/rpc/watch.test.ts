import type { MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GapPolicy, MoveCause } from "../../gen/opscore/v1/common_pb.ts";
import {
  AgentEntryKind,
  AgentState,
  LifecycleService,
  type WatchAgentsRequestSchema,
  type WatchAgentsResponse,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import { cursorAt } from "../../src/rpc/cursor.ts";
import { callOf, next, openRig, type Rig, refusalOf, type TestCall, upTo } from "./rig.ts";

const { method } = LifecycleService;
let rig: Rig;
const calls: TestCall[] = [];

beforeEach(async () => {
  rig = await openRig({ progress_ms: 400 });
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

type WatchInit = MessageInitShape<typeof WatchAgentsRequestSchema>;
const watch = (message: WatchInit = {}, call = caller()) =>
  rig.open(method.watchAgents, message, call);
const from = (cursor: string, onGap: GapPolicy = GapPolicy.UNSPECIFIED) => ({
  start: { start: { case: "after" as const, value: cursor }, onGap },
});
const now = { start: { start: { case: "now" as const, value: true } } };

const register = (agentId: string, labels = {}) =>
  rig.ask(method.registerAgent, { agentId, spec: { labels } });
const report = (agentId: string, state: AgentState) =>
  rig.ask(method.reportState, { report: { agentId, state } });

const hasEntries = ({ entries }: WatchAgentsResponse) => entries.length > 0;
const isDone = ({ control }: WatchAgentsResponse) => control?.control.case === "snapshotDone";

describe("a watch", () => {
  test("begins with the cursor alone, then the state there is, then what happens", async () => {
    await register("ada");
    await register("bo");
    const frames = watch();
    expect(await next(frames)).toMatchObject({
      agents: [],
      entries: [],
      cursor: expect.any(String),
    });
    const snapshot = await upTo(frames, isDone);
    expect(snapshot.flatMap(({ agents }) => agents.map(({ agentId }) => agentId))).toEqual([
      "ada",
      "bo",
    ]);
    expect(snapshot.at(-1)?.control?.control.value).toMatchObject({ items: 2 });
    await report("bo", AgentState.IDLE);
    const live = (await upTo(frames, hasEntries)).at(-1);
    expect(live?.entries).toMatchObject([
      { agentId: "bo", kind: AgentEntryKind.STATE_CHANGED, toState: AgentState.IDLE },
    ]);
  });

  test("resumed inside its snapshot sends the rest of it, and what happened meanwhile", async () => {
    await rig[Symbol.asyncDispose]();
    rig = await openRig({ frame_items: 2 });
    for (const agentId of ["a", "b", "c", "d", "e"]) await register(agentId);
    const first = watch();
    await next(first);
    const two = await next(first);
    expect(two.agents.map(({ agentId }) => agentId)).toEqual(["a", "b"]);
    await report("a", AgentState.IDLE);
    const frames = await upTo(watch(from(two.cursor)), hasEntries);
    expect(frames.flatMap(({ agents }) => agents.map(({ agentId }) => agentId))).toEqual([
      "c",
      "d",
      "e",
    ]);
    expect(frames.find(isDone)?.control?.control.value).toMatchObject({ items: 5 });
    expect(frames.at(-1)?.entries).toMatchObject([{ agentId: "a" }]);
  });

  test("resumed from any cursor, of a frame or of an entry, repeats nothing and misses nothing", async () => {
    await register("ada");
    const states = [AgentState.IDLE, AgentState.ACTIVE, AgentState.WAITING, AgentState.IDLE];
    for (const state of states) await report("ada", state);
    const { entries: all } = await rig.ask(method.listAgentEntries, {});
    const positions = all.map(({ position }) => position);
    const opening = await next(watch(now));
    for (const [i, position] of positions.entries()) {
      const rest = positions.slice(i + 1);
      const frames = watch(from(cursorAt(opening.cursor, position)));
      const seen: bigint[] = [];
      await next(frames);
      while (seen.length < rest.length) {
        seen.push(...(await next(frames)).entries.map((entry) => entry.position));
      }
      expect(seen).toEqual(rest);
    }
  });

  test("with a filter shows an agent leave it", async () => {
    await register("ada");
    await report("ada", AgentState.ERROR);
    const frames = watch({ filter: "state == 'error'" });
    await upTo(frames, isDone);
    await report("ada", AgentState.IDLE);
    await report("ada", AgentState.ACTIVE);
    await report("ada", AgentState.ERROR);
    const seen: AgentState[] = [];
    while (seen.length < 2)
      seen.push(...(await next(frames)).entries.map(({ toState }) => toState));
    expect(seen).toEqual([AgentState.IDLE, AgentState.ERROR]);
  });

  test("tells entries by kind, actor and time", async () => {
    const opened = (await next(watch(now))).cursor;
    await register("ada");
    await report("ada", AgentState.IDLE);
    for (const filter of [
      "kind == 'state_changed'",
      "actor == 'user:local' && kind != 'registered'",
    ]) {
      const { entries } = await rig.ask(method.listAgentEntries, { filter });
      expect(entries).toMatchObject([{ kind: AgentEntryKind.STATE_CHANGED }]);
    }
    const foreign = rig.ask(method.listAgentEntries, {
      filter: "kind == 'updated'",
      after: opened,
    });
    expect(await refusalOf(foreign)).toMatchObject({ code: "invalid_cursor" });
  });

  test("moves its cursor when nothing matches", async () => {
    await register("ada");
    const frames = watch({ ...now, filter: "agent_id == 'nobody'" });
    const opened = await next(frames);
    await report("ada", AgentState.IDLE);
    const isMoved = ({ control, cursor }: WatchAgentsResponse) =>
      control?.control.case === "progress" && cursor !== opened.cursor;
    const progress = (await upTo(frames, isMoved)).at(-1);
    expect(progress?.control?.control.value).toMatchObject({ lag: 0n });
    expect(progress?.control?.control.value).toHaveProperty("storeTime.seconds");
  });

  test("does not see other namespaces, and its cursor is of no use there", async () => {
    const other = caller({ namespace: "other" });
    const frames = watch({}, other);
    await upTo(frames, isDone);
    await register("ada");
    await rig.ask(
      method.registerAgent,
      { agentId: "bo", spec: {} },
      caller({ namespace: "other" }),
    );
    const seen = (await upTo(frames, hasEntries)).at(-1);
    expect(seen?.entries).toMatchObject([{ agentId: "bo" }]);
    const foreign = watch(from(seen?.cursor ?? ""));
    expect(await refusalOf(next(foreign))).toMatchObject({ code: "invalid_cursor" });
  });

  test("ends on shutdown with Moved, then with the refusal to resume after", async () => {
    const call = caller();
    const frames = watch({}, call);
    await upTo(frames, isDone);
    call.drain();
    const moved = await next(frames);
    expect(moved.control?.control).toMatchObject({
      case: "moved",
      value: { cause: MoveCause.DRAIN },
    });
    expect(await refusalOf(next(frames))).toMatchObject({ code: "draining" });
    await register("ada");
    const resumed = await upTo(watch(from(moved.cursor)), hasEntries);
    expect(resumed.at(-1)?.entries).toMatchObject([{ agentId: "ada" }]);
  });

  test("ends at its age with Moved", async () => {
    await rig[Symbol.asyncDispose]();
    rig = await openRig({ stream_age_ms: 300, progress_ms: 100 });
    const isMoved = ({ control }: WatchAgentsResponse) => control?.control.case === "moved";
    const frames = watch(now);
    const moved = (await upTo(frames, isMoved)).at(-1);
    expect(moved?.control?.control.value).toMatchObject({ cause: MoveCause.MAX_AGE });
    expect(await refusalOf(next(frames))).toMatchObject({ code: "draining" });
  });

  test("ends when its caller leaves", async () => {
    const call = caller();
    const frames = watch(now, call);
    await next(frames);
    const ended = next(frames);
    call.leave(new Error("gone"));
    await expect(ended).rejects.toThrow("gone");
  });
});

describe("entries that are no longer kept", () => {
  const trimmed = async () => {
    await register("ada");
    const first = (await next(watch(now))).cursor;
    await report("ada", AgentState.IDLE);
    await report("ada", AgentState.ACTIVE);
    const { entries } = await rig.ask(method.listAgentEntries, {});
    const floor = entries[1]?.position ?? 0n;
    await rig.store.trim("agents", floor);
    return { cursor: cursorAt(first, 0n), kept: entries.slice(2), floor };
  };

  test("are one Gap frame, then the stream goes on", async () => {
    const { cursor, kept, floor } = await trimmed();
    const frames = watch(from(cursor));
    await next(frames);
    expect((await next(frames)).control?.control).toMatchObject({
      case: "gap",
      value: { positions: floor },
    });
    expect((await next(frames)).entries.map(({ position }) => position)).toEqual(
      kept.map(({ position }) => position),
    );
  });

  test("are made up for by a snapshot, when asked", async () => {
    const { cursor } = await trimmed();
    const frames = watch(from(cursor, GapPolicy.SNAPSHOT));
    const seen = await upTo(frames, isDone);
    expect(seen.map(({ control }) => control?.control.case)).toContain("gap");
    expect(seen.flatMap(({ agents }) => agents)).toMatchObject([
      { agentId: "ada", state: AgentState.ACTIVE },
    ]);
  });

  test("end the stream before its first frame, when asked, with a cursor that can be read after", async () => {
    const { cursor, kept } = await trimmed();
    const refusal = await refusalOf(next(watch(from(cursor, GapPolicy.FAIL))));
    expect(refusal).toMatchObject({ code: "cursor_expired" });
    const oldest = (refusal as { cursor: string }).cursor;
    const { entries } = await rig.ask(method.listAgentEntries, { after: oldest });
    expect(entries.map(({ position }) => position)).toEqual(kept.map(({ position }) => position));
  });

  test("are said by the unary twin too", async () => {
    const { cursor, kept, floor } = await trimmed();
    const page = await rig.ask(method.listAgentEntries, { after: cursor });
    expect(page.gap?.positions).toBe(floor);
    expect(page.entries).toHaveLength(kept.length);
    const failing = rig.ask(method.listAgentEntries, { after: cursor, onGap: GapPolicy.FAIL });
    expect(await refusalOf(failing)).toMatchObject({ code: "cursor_expired" });
  });

  test("a cursor beyond the head is expired, never silent", async () => {
    const { cursor } = await trimmed();
    const beyond = cursorAt(cursor, 1_000n);
    expect(await refusalOf(next(watch(from(beyond))))).toMatchObject({ code: "cursor_expired" });
  });
});

describe("the unary twin of a watch", () => {
  test("gives the same entries in pages of any size", async () => {
    for (const agentId of ["a", "b", "c"]) {
      await register(agentId);
      await report(agentId, AgentState.IDLE);
    }
    const { entries: all } = await rig.ask(method.listAgentEntries, {});
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), async (pageSize) => {
        const seen: bigint[] = [];
        for (let cursor = ""; ; ) {
          const page = await rig.ask(method.listAgentEntries, { after: cursor, pageSize });
          expect(page.entries.length).toBeLessThanOrEqual(pageSize);
          seen.push(...page.entries.map(({ position }) => position));
          cursor = page.next;
          if (page.entries.length === 0) break;
        }
        expect(seen).toEqual(all.map(({ position }) => position));
      }),
      { numRuns: 10 },
    );
  });

  test("waits for the first entry that matches", async () => {
    await register("ada");
    const filter = "state == 'active'";
    const { next: place } = await rig.ask(method.listAgentEntries, { filter });
    const wait = { seconds: 20n };
    const waiting = rig.ask(method.listAgentEntries, { filter, after: place, wait });
    await report("ada", AgentState.IDLE);
    await report("ada", AgentState.ACTIVE);
    expect((await waiting).entries).toMatchObject([{ toState: AgentState.ACTIVE }]);
  });

  test("answers empty, with a moved cursor, when the wait ends", async () => {
    await register("ada");
    const filter = "agent_id == 'nobody'";
    const { next: place } = await rig.ask(method.listAgentEntries, { filter });
    await report("ada", AgentState.IDLE);
    const page = await rig.ask(method.listAgentEntries, {
      filter,
      after: place,
      wait: { nanos: 5e7 },
    });
    expect(page.entries).toEqual([]);
    expect(page.next).not.toBe(place);
  });

  test("waits no longer than its deadline allows, and not at all on shutdown", async () => {
    const wait = { seconds: 20n };
    const { next: place } = await rig.ask(method.listAgentEntries, {});
    const short = callOf({ timeoutMs: 520 });
    expect((await rig.ask(method.listAgentEntries, { after: place, wait }, short)).entries).toEqual(
      [],
    );
    const drained = callOf();
    drained.drain();
    expect(
      (await rig.ask(method.listAgentEntries, { after: place, wait }, drained)).entries,
    ).toEqual([]);
  });
});

test("a list and the watch after it see every change between them", async () => {
  await register("ada");
  const { watchFrom } = await rig.ask(method.listAgents, {});
  await register("bo");
  const seen = await upTo(watch(from(watchFrom)), hasEntries);
  expect(seen.at(-1)?.entries).toMatchObject([{ agentId: "bo", kind: AgentEntryKind.REGISTERED }]);
});
