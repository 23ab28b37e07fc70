import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { grpcClient, openHttpRig } from "./rig.ts";

test("a drain ends streams with a place to resume at, lets waiting calls answer, and closes the port", async () => {
  const rig = await openHttpRig();
  await rig.lifecycle.registerAgent({ agentId: "a", spec: {} });
  const client = grpcClient(rig.url);
  const frames: { cursor: string; control?: string | undefined }[] = [];
  const watching = (async () => {
    for await (const { cursor, control } of client.watchAgents({
      start: { start: { case: "now", value: true } },
    })) {
      frames.push({ cursor, control: control?.control.case });
    }
  })().catch(ConnectError.from);
  const waiting = rig.lifecycle.getAgent({
    agentId: "a",
    afterRevision: 99,
    wait: { seconds: 30n },
  });
  while (frames.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));

  await rig.app.close();
  expect((await waiting).agent?.agentId).toBe("a");
  expect(((await watching) as ConnectError).code).toBe(Code.Unavailable);
  expect(frames.at(-1)).toMatchObject({ control: "moved", cursor: expect.stringMatching(/.+/) });
  await expect(fetch(`${rig.url}/healthz`)).rejects.toThrow();
});
