import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpRig, openHttpRig } from "./rig.ts";

const PATH = "/opscore.v1.LifecycleService/GetServerInfo";

let rig: HttpRig;
beforeAll(async () => {
  rig = await openHttpRig({
    allowed_hosts: "ops.example.com",
    allowed_origins: "https://ui.example.com",
    limit_url_bytes: "1KiB",
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Unlike fetch, this sends any Host. */
function ask({ method = "POST", path = PATH, headers = {}, body = "{}" }: Ask) {
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>(
    (resolve, reject) => {
      const plain = { "content-type": "application/json", ...headers };
      const req = request(
        { host: "127.0.0.1", port: rig.port, method, path, headers: plain },
        (res) => {
          let text = "";
          res.on("data", (chunk) => {
            text += String(chunk);
          });
          res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
        },
      );
      req.on("error", reject);
      req.end(method === "GET" || method === "HEAD" ? undefined : body);
    },
  );
}

describe("Host", () => {
  test.each([
    ["localhost", 200],
    ["LOCALHOST:1234", 200],
    ["127.0.0.1", 200],
    ["[::1]:80", 200],
    ["ops.example.com", 200],
    ["evil.example.com", 421],
    ["127.0.0.1.evil.example.com", 421],
    ["x:99999", 400],
  ])("%s: %i", async (host, status) => {
    expect((await ask({ headers: { host } })).status).toBe(status);
  });
});

describe("Origin", () => {
  test("absent, own and listed ones are taken, others refused", async () => {
    const own = `http://127.0.0.1:${rig.port}`;
    expect((await ask({ headers: { origin: own } })).status).toBe(200);
    const listed = await ask({ headers: { origin: "https://ui.example.com" } });
    expect(listed.status).toBe(200);
    expect(listed.headers["access-control-allow-origin"]).toBe("https://ui.example.com");
    expect((await ask({ headers: { origin: "https://evil.example.com" } })).status).toBe(403);
    expect((await ask({ headers: { origin: "null" } })).status).toBe(403);
  });

  test("a preflight is answered with what may be sent", async () => {
    const headers = { origin: "https://ui.example.com", "access-control-request-method": "POST" };
    const answer = await ask({ method: "OPTIONS", headers });
    expect(answer.status).toBe(204);
    expect(answer.headers["access-control-allow-headers"]).toMatch(/last-event-id/i);
    expect(answer.headers["access-control-allow-origin"]).toBe("https://ui.example.com");
  });
});

test("other methods are refused", async () => {
  for (const method of ["PUT", "DELETE", "PATCH", "TRACE"]) {
    expect((await ask({ method })).status, method).toBe(405);
  }
});

test("a URL at its limit is taken, one byte more is refused", async () => {
  const path = `${PATH}?x=`;
  const at = path.padEnd(1024, "a");
  expect((await ask({ path: at })).status).not.toBe(414);
  expect((await ask({ path: `${at}a` })).status).toBe(414);
});

test("types that a form can post are refused", async () => {
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
  ]) {
    expect((await ask({ headers: { "content-type": type } })).status, type).toBe(415);
  }
});

test("a connection goes on after a refusal", async () => {
  const { Agent } = await import("node:http");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const once = (host: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { host, "content-type": "application/json" };
      const options = {
        host: "127.0.0.1",
        port: rig.port,
        method: "POST",
        path: PATH,
        headers,
        agent,
      };
      const req = request(options, (res) => {
        res.resume().on("end", () => resolve(res.statusCode ?? 0));
      });
      req.on("error", reject).end("{}");
    });
  expect(await once("evil.example.com")).toBe(421);
  expect(await once("localhost")).toBe(200);
  agent.destroy();
});
