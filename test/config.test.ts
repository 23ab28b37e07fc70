import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, loadCertificate, readConfig } from "../src/config.ts";
import { allSettings, limitSetting, variableOf } from "../src/config-table.ts";
import { parseLimit, printLimit } from "../src/config-values.ts";
import { LIMITS, type Limit, limitsWith } from "../src/core/limits.ts";
import { HTTP_LIMITS } from "../src/rpc/http/limits.ts";

const CERT = "test/fixtures/tls-cert.pem";
const KEY = "test/fixtures/tls-key.pem";
const SECRET = "Zo6Tn0fEo3nOYpVJ";
const SECRET_2 = "b8yJ1mXbJwB2bX4e";
const folder = mkdtempSync(join(tmpdir(), "opscore-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what is read", () => {
  test("without settings the server is local, open to this machine and on disk", () => {
    expect(readConfig({}, {})).toEqual({
      host: "127.0.0.1",
      port: 6772,
      store: { type: "folder", folder: "./.opscore" },
      apiKeys: [],
      local: true,
      allowedHosts: [],
      allowedOrigins: [],
      reflection: true,
      logLevel: "info",
      limits: limitsWith(),
      httpLimits: Object.fromEntries(
        Object.entries<Limit>(HTTP_LIMITS).map(([name, { value }]) => [name, value]),
      ),
      warnings: [],
    });
  });

  test("a flag wins over its variable", () => {
    const config = readConfig(
      { port: "7001", reflection: false },
      { OPSCORE_PORT: "7002", OPSCORE_REFLECTION: "true", OPSCORE_LOG_LEVEL: "warn" },
    );
    expect(config).toMatchObject({ port: 7001, reflection: false, logLevel: "warn" });
  });

  test("lists, stores and times are taken apart", () => {
    const config = readConfig(
      {},
      {
        OPSCORE_STORE: "sqlite::memory:",
        OPSCORE_ALLOWED_HOSTS: "Ops.Example.com, 10.0.0.7",
        OPSCORE_ALLOWED_ORIGINS: "https://ops.example.com,http://localhost:5173",
        OPSCORE_LIMIT_LEASE_MS: "45s",
        OPSCORE_LIMIT_PAYLOAD_BYTES: "1MiB",
        OPSCORE_LIMIT_ATTEMPTS: "7",
      },
    );
    expect(config.store).toEqual({ type: "memory" });
    expect(config.allowedHosts).toEqual(["ops.example.com", "10.0.0.7"]);
    expect(config.allowedOrigins).toEqual(["https://ops.example.com", "http://localhost:5173"]);
    expect(config.limits).toEqual(
      limitsWith({ lease_ms: 45_000, payload_bytes: 1024 * 1024, attempts: 7 }),
    );
  });

  test("keys come from the variable and from the file", () => {
    const file = write("keys", `# people\n\nuser:ana=${SECRET_2}@default+staging # on call\n`);
    const { apiKeys } = readConfig(
      {},
      { OPSCORE_API_KEYS: `agent:writer-1=${SECRET}`, OPSCORE_API_KEYS_FILE: file },
    );
    expect(apiKeys).toEqual([
      { principal: "agent:writer-1", secret: SECRET, namespaces: ["default"] },
      { principal: "user:ana", secret: SECRET_2, namespaces: ["default", "staging"] },
    ]);
  });

  test("every limit has a setting, and its default reads as its value", () => {
    const settings = allSettings();
    for (const [name, { value, unit }] of Object.entries<Limit>({ ...LIMITS, ...HTTP_LIMITS })) {
      const text = settings.get(limitSetting(name))?.default ?? "";
      expect(parseLimit(text, unit), name).toBe(value);
      expect(() => readConfig({}, { [variableOf(limitSetting(name))]: "0" })).toThrow(ConfigError);
    }
  });
});

describe("what is refused", () => {
  test.each<[env: Record<string, string>, message: string | RegExp]>([
    [{ OPSCORE_PROT: "1" }, "OPSCORE_PROT is no setting: did you mean OPSCORE_PORT?"],
    [{ OPSCORE_TSL_CERT: "x" }, "OPSCORE_TSL_CERT is no setting: did you mean OPSCORE_TLS_CERT?"],
    [{ OPSCORE_BANANA: "1" }, "OPSCORE_BANANA is no setting: docs/config.md lists them"],
    [{ OPSCORE_INSECURE_NO_AUTH: "true" }, /is no setting/],
    [{ OPSCORE_PORT: "" }, "OPSCORE_PORT is empty: give it a value or leave it out"],
    [{ OPSCORE_PORT: "80a" }, 'OPSCORE_PORT is "80a", but must be a whole number from 0 to 65535'],
    [{ OPSCORE_PORT: "65536" }, /0 to 65535/],
    [{ OPSCORE_PORT: "-1" }, /0 to 65535/],
    [{ OPSCORE_PORT: "1e3" }, /0 to 65535/],
    [{ OPSCORE_HOST: "256.1.1.1" }, /an IP address or a host name/],
    [
      { OPSCORE_HOST: "a b\nc" },
      'OPSCORE_HOST is "a b\\nc", but must be an IP address or a host name',
    ],
    [{ OPSCORE_STORE: "postgres://db" }, /sqlite:FOLDER or sqlite::memory:/],
    [{ OPSCORE_STORE: "sqlite:" }, /sqlite:FOLDER/],
    [{ OPSCORE_STORE: "sqlite::disk:" }, /sqlite:FOLDER/],
    [{ OPSCORE_LOG_LEVEL: "loud" }, /one of trace, debug/],
    [{ OPSCORE_REFLECTION: "yes" }, /true or false/],
    [{ OPSCORE_ALLOWED_HOSTS: "ops.example.com:443" }, /without a port/],
    [{ OPSCORE_ALLOWED_HOSTS: "a,,b" }, /separated by commas/],
    [{ OPSCORE_ALLOWED_ORIGINS: "*" }, /origins like/],
    [{ OPSCORE_ALLOWED_ORIGINS: "https://ops.example.com/" }, /origins like/],
    [{ OPSCORE_LIMIT_LEASE_MS: "30 s" }, /with ms, s, m, h, d at its end/],
    [{ OPSCORE_LIMIT_LEASE_MS: "1.5s" }, /a whole number/],
    [{ OPSCORE_LIMIT_ATTEMPTS: "3s" }, /a whole number from 1 to 1000000000000$/],
    [{ OPSCORE_LIMIT_SLOTS: "1000000000001" }, /a whole number/],
    [{ OPSCORE_LIMIT_LEASE_MS: "1s" }, /between OPSCORE_LIMIT_LEASE_MIN_MS \(3000\) and/],
    [{ OPSCORE_LIMIT_LEASE_MAX_MS: "20s" }, /OPSCORE_LIMIT_LEASE_MS is 30000, but must lie/],
    [{ OPSCORE_TLS_CERT: CERT }, /set both or neither/],
    [{ OPSCORE_TLS_CERT: "/nowhere", OPSCORE_TLS_KEY: KEY }, /can read \(ENOENT\)/],
    [{ OPSCORE_TLS_CERT: KEY, OPSCORE_TLS_KEY: KEY }, /no usable pair/],
    [{ OPSCORE_API_KEYS_FILE: "/nowhere" }, /OPSCORE_API_KEYS_FILE is "\/nowhere"/],
    [{ OPSCORE_API_KEYS_FILE: write("empty", "# none\n") }, /holds no key/],
  ])("%j", (env, message) => {
    expect(refusal(() => readConfig({}, env))).toMatch(message);
  });

  test("a flag is called by its own name", () => {
    expect(refusal(() => readConfig({ port: "x" }, {}))).toMatch(/^--port is "x"/);
    expect(refusal(() => readConfig({ limit_lease_ms: "x" }, {}))).toMatch(/^--limit-lease-ms is/);
  });

  test.each([
    ["what", /key 1 must be PRINCIPAL=SECRET/],
    [`ana=${SECRET}`, /key 1 must begin with user:NAME= or agent:ID=/],
    [`user:ana=${SECRET},user:=${SECRET_2}`, /key 2 must begin/],
    ["user:ana=2short", /key 1 \(user:ana\) must have a secret of 16/],
    [`user:ana=${SECRET} ${SECRET}`, /key 1 \(user:ana\) must have a secret/],
    [`user:ana=${SECRET}@Default`, /key 1 \(user:ana\) must name namespaces/],
    [`user:ana=${SECRET}@a+`, /must name namespaces/],
    [`user:ana=${SECRET},user:bo=${SECRET}`, /two API keys have the same secret/],
  ])("key %#, without showing what may be secret", (text, message) => {
    const told = refusal(() => readConfig({}, { OPSCORE_API_KEYS: text }));
    expect(told).toMatch(message);
    expect(told).not.toMatch(new RegExp(`${SECRET}|2short`));
  });
});

test("variables of clients, tests and Kubernetes are left alone", () => {
  const env = {
    OPSCORE_URL: "http://127.0.0.1:1",
    OPSCORE_TOKEN: "x",
    OPSCORE_TEST_KILLS: "3",
    OPSCORE_SERVICE_HOST: "10.0.0.1",
    OPSCORE_SERVICE_PORT_GRPC: "6772",
    OPSCORE_PORT: "tcp://10.0.0.1:6772",
    OPSCORE_PORT_6772_TCP: "tcp://10.0.0.1:6772",
    OPSCORE_PORT_6772_TCP_ADDR: "10.0.0.1",
    OPSCORE_DB_SERVICE_HOST: "10.0.0.2",
    OPSCORE_DB_PORT: "tcp://10.0.0.2:5432",
    OPSCORE_DB_PORT_5432_TCP_PROTO: "tcp",
    PATH: "/bin",
  };
  expect(readConfig({}, env)).toEqual(readConfig({}, {}));
  expect(readConfig({ port: "7001" }, env).port).toBe(7001);
  expect(refusal(() => readConfig({}, { OPSCORE_DB_PORT: "5432" }))).toMatch(/is no setting/);
});

test("a failpoint is for tests, and must be one", () => {
  const failpoint = (text: string) => readConfig({}, { OPSCORE_FAILPOINT: text }).failpoint;
  expect(failpoint("batch.written:kill")).toEqual({ name: "batch.written", hit: 1 });
  expect(failpoint("answer.ready:hit=3:kill")).toEqual({ name: "answer.ready", hit: 3 });
  for (const text of ["nowhere:kill", "batch.written", "batch.written:hit=0:kill", ""]) {
    expect(refusal(() => failpoint(text))).toMatch(
      /^OPSCORE_FAILPOINT is ".*", but must be NAME:hit/,
    );
  }
});

describe("who can reach the server", () => {
  const keys = { OPSCORE_API_KEYS: `user:ana=${SECRET}` };
  const tls = { OPSCORE_TLS_CERT: CERT, OPSCORE_TLS_KEY: KEY };

  test.each(["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])("%s is local", (host) => {
    expect(readConfig({ host }, {})).toMatchObject({ local: true, warnings: [] });
  });

  test.each(["0.0.0.0", "::", "192.168.1.4", "ops.example.com", "127.0.0.1.example.com"])(
    "%s needs keys and TLS",
    (host) => {
      expect(refusal(() => readConfig({ host }, {}))).toMatch(
        /OPSCORE_API_KEYS.*--insecure-no-auth/,
      );
      expect(refusal(() => readConfig({ host }, tls))).toMatch(/--insecure-no-auth/);
      expect(refusal(() => readConfig({ host }, keys))).toMatch(
        /OPSCORE_TLS_CERT.*--insecure-no-tls/,
      );
      const config = readConfig({ host }, { ...keys, ...tls });
      expect(config).toMatchObject({ local: false, warnings: [] });
      expect(config.tls).toEqual({ certFile: CERT, keyFile: KEY });
    },
  );

  test("each opt-out is a warning at every start", () => {
    const host = "0.0.0.0";
    const open = readConfig({ host, insecure_no_auth: true, insecure_no_tls: true }, {});
    expect(open.warnings).toHaveLength(2);
    expect(readConfig({ host, insecure_no_tls: true }, keys).warnings).toEqual([
      "0.0.0.0 can be reached from other machines in clear text (--insecure-no-tls)",
    ]);
  });

  test("an opt-out beside what it opts out of is a mistake", () => {
    expect(refusal(() => readConfig({ insecure_no_auth: true }, keys))).toMatch(/contradicts/);
    expect(refusal(() => readConfig({ insecure_no_tls: true }, tls))).toMatch(/contradicts/);
  });

  test("the certificate can be read again, and a broken one is refused", () => {
    const certFile = write("cert.pem", "not a certificate");
    expect(loadCertificate({ certFile: CERT, keyFile: KEY }).cert).toMatch(/BEGIN CERTIFICATE/);
    expect(refusal(() => loadCertificate({ certFile, keyFile: KEY }))).toMatch(/no usable pair/);
  });
});

test.each([
  [86_400_000, "ms", "1d"],
  [90_000, "ms", "90s"],
  [1_500, "ms", "1500ms"],
  [3 * 1024 * 1024, "bytes", "3MiB"],
  [1_000, "bytes", "1000"],
  [32, "levels", "32"],
] as const)("%d %s is written %s", (value, unit, text) => {
  expect(printLimit(value, unit)).toBe(text);
  expect(parseLimit(text, unit)).toBe(value);
});

/** The one line with which something is refused. */
function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).not.toMatch(/\n/);
    return error.message;
  }
  throw new Error("it was not refused");
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}
