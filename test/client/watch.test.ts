import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type OpenStream, watch } from "../../src/client/watch.ts";

test("a watch that is cut goes on after its last cursor", async () => {
  const opened: string[] = [];
  const open: OpenStream<{ cursor: string }> = async function* (after) {
    opened.push(after);
    yield { cursor: `${after}.` };
    if (opened.length < 3) throw new ConnectError("cut", Code.Unavailable);
  };
  const seen: string[] = [];
  for await (const { cursor } of watch(open, { after: "a", backoffMaxMs: 1 })) seen.push(cursor);
  expect(opened).toEqual(["a", "a.", "a.."]);
  expect(seen).toEqual(["a.", "a..", "a..."]);
});

test("leaving the loop aborts the call", async () => {
  const calls: AbortSignal[] = [];
  const open: OpenStream<{ cursor: string }> = async function* (_, { signal }) {
    if (signal !== undefined) calls.push(signal);
    for (;;) yield { cursor: "a" };
  };
  for await (const _ of watch(open)) break;
  expect(calls.map(({ aborted }) => aborted)).toEqual([true]);
});
