import { afterAll, beforeAll, expect, test } from "vitest";
import { grpcClient, type HttpRig, http2Request, http2Session, openHttpRig, raw } from "./rig.ts";

/** Each of these made a plain adapter throw inside its request listener, which ends the process. */
const HOSTILE = [
  ...["x:99999", "a b[", "", "[", "]", "[::::]", "[::1", "a[", "%zz", "%", "a%00b"],
  ...["http://x", "x/y", "x?y", "x#y", "user@x", "x:", "x:y", ":80", "..", "\u00e9"],
];
const PATH = "/opscore.v1.LifecycleService/GetServerInfo";

let rig: HttpRig;
beforeAll(async () => {
  rig = await openHttpRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

test.each(HOSTILE)("HTTP/1.1 with Host %j is refused and the server lives", async (host) => {
  const head = `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`;
  expect(await raw(rig.port, head)).toMatch(/^HTTP\/1\.1 4(00|21) /);
  expect((await rig.lifecycle.getServerInfo({})).store).toBe("sqlite");
});

test("HTTP/1.0 without Host is refused and the server lives", async () => {
  expect(await raw(rig.port, `POST ${PATH} HTTP/1.0\r\ncontent-length: 0\r\n\r\n`)).toMatch(
    / 400 /,
  );
  expect((await rig.lifecycle.getServerInfo({})).store).toBe("sqlite");
});

test.each(HOSTILE)("HTTP/2 with :authority %j is refused and the server lives", async (host) => {
  const session = await http2Session(rig.url);
  const headers = {
    ":method": "POST",
    ":path": PATH,
    ":authority": host,
    "content-type": "application/json",
  };
  const { status } = await http2Request(session, headers, "{}");
  expect([400, 421, undefined]).toContain(status);
  session.destroy();
  expect((await grpcClient(rig.url).getServerInfo({})).store).toBe("sqlite");
});
