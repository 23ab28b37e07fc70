import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type ApiKey, parseApiKeys } from "./config-keys.ts";
import { checkNames } from "./config-names.ts";
import {
  allSettings,
  flagOf,
  limitSetting,
  type Setting,
  type SettingName,
  variableOf,
} from "./config-table.ts";
import {
  isLoopback,
  type LogLevel,
  listOf,
  parseHost,
  parseLimit,
  parseLogLevel,
  parseOrigin,
  parsePort,
  parseStore,
  parseSwitch,
  type StoreLocation,
} from "./config-values.ts";
import { LIMITS, type Limit, type Limits } from "./core/limits.ts";
import { type Failpoint, parseFailpoint } from "./failpoint.ts";
import { HTTP_LIMITS, type HttpLimits } from "./rpc/http/limits.ts";

/** What the server was told to be. Holds secrets: never log it whole. */
export interface Config {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly store: StoreLocation;
  /** Empty: no door asks for a key. */
  readonly apiKeys: readonly ApiKey[];
  /** Absent: clear text. */
  readonly tls?: TlsFiles;
  /** True if only this machine can reach the server: then Host must be a loopback name. */
  readonly local: boolean;
  /** Lower case, without ports. Empty: no more than the mode allows by itself. */
  readonly allowedHosts: readonly string[];
  /** Exact origins. */
  readonly allowedOrigins: readonly string[];
  readonly reflection: boolean;
  readonly logLevel: LogLevel;
  readonly limits: Limits;
  readonly httpLimits: HttpLimits;
  /** Where a test has the process die. */
  readonly failpoint?: Failpoint;
  /** What to log as a warning at every start. */
  readonly warnings: readonly string[];
}

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Values of flags by name of the setting: text, or true for a switch that was given. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

type Env = Readonly<Record<string, string | undefined>>;

/** A setting that stops the start. Its message is one line, for the person who set it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const SHOWN_CHARACTERS_MAX = 80;

/**
 * Reads and checks every setting: a flag wins over its variable, a variable over the default.
 * Throws ConfigError for the first that is unknown, malformed or unsafe.
 */
export function readConfig(flags: Flags, env: Env = process.env): Config {
  const settings = allSettings();
  const variables = [...settings].filter(([, setting]) => setting.only !== "flag");
  const unknown = checkNames(
    env,
    variables.map(([name]) => name),
  );
  if (unknown !== undefined) throw new ConfigError(unknown);
  const given = reader(settings, flags, env);
  const config = {
    host: given.required("host", parseHost),
    port: given.required("port", parsePort),
    store: given.required("store", parseStore),
    apiKeys: readApiKeys(given),
    ...readTls(given),
    allowedHosts: given.optional("allowed_hosts", listOf(parseHost)) ?? [],
    allowedOrigins: given.optional("allowed_origins", listOf(parseOrigin)) ?? [],
    reflection: given.required("reflection", parseSwitch),
    logLevel: given.required("log_level", parseLogLevel),
    limits: readLimits(given),
    httpLimits: readTable(HTTP_LIMITS, given),
    ...readFailpoint(env),
  };
  const insecure = {
    auth: given.optional("insecure_no_auth", parseSwitch) ?? false,
    tls: given.optional("insecure_no_tls", parseSwitch) ?? false,
  };
  const local = isLoopback(config.host);
  return { ...config, local, warnings: checkBinding(config, local, insecure) };
}

function readFailpoint({ OPSCORE_FAILPOINT: text }: Env): { readonly failpoint?: Failpoint } {
  if (text === undefined) return {};
  const failpoint = parseFailpoint(text);
  if (failpoint === undefined) {
    const allowed = "NAME:hit=COUNT:kill with a name of src/failpoint.ts";
    throw new ConfigError(`OPSCORE_FAILPOINT is ${shown(text)}, but must be ${allowed}`);
  }
  return { failpoint };
}

interface Reader {
  required<T>(name: SettingName | string, parse: (text: string) => T | undefined): T;
  optional<T>(name: SettingName | string, parse: (text: string) => T | undefined): T | undefined;
}

function reader(settings: ReadonlyMap<string, Setting>, flags: Flags, env: Env): Reader {
  return { required, optional };

  function required<T>(name: string, parse: (text: string) => T | undefined): T {
    const value = optional(name, parse);
    if (value === undefined) throw new Error(`the setting ${name} has no default`);
    return value;
  }

  function optional<T>(name: string, parse: (text: string) => T | undefined): T | undefined {
    const setting = settings.get(name);
    if (setting === undefined) throw new Error(`${name} is no setting`);
    const { text, source } = find(name, setting);
    if (text === undefined) return undefined;
    if (text === "") throw new ConfigError(`${source} is empty: give it a value or leave it out`);
    const value = parse(text);
    if (value === undefined) {
      throw new ConfigError(`${source} is ${shown(text)}, but must be ${setting.allowed}`);
    }
    return value;
  }

  function find(name: string, setting: Setting): { text: string | undefined; source: string } {
    const flag = flags[name];
    if (flag !== undefined) return { text: String(flag), source: flagOf(name, setting) };
    const variable = variableOf(name);
    const text = setting.only === "flag" || isServiceLink(name, env) ? undefined : env[variable];
    return { text: text ?? setting.default, source: variable };
  }
}

/** Kubernetes sets OPSCORE_PORT=tcp://… beside a service named opscore. */
function isServiceLink(name: string, env: Env): boolean {
  return name === "port" && /^(tcp|udp|sctp):\/\//.test(env[variableOf(name)] ?? "");
}

function shown(text: string): string {
  const cut = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
  return JSON.stringify(cut);
}

function readApiKeys(given: Reader): readonly ApiKey[] {
  const file = given.optional("api_keys_file", String);
  const parsed = [
    parseApiKeys("OPSCORE_API_KEYS", given.optional("api_keys", String)?.split(",") ?? []),
    parseApiKeys(
      file ?? "",
      file === undefined ? [] : keyLines(readSetting("api_keys_file", file)),
    ),
  ];
  const keys: ApiKey[] = [];
  for (const result of parsed) {
    if (result.type === "refused") throw new ConfigError(result.message);
    keys.push(...result.keys);
  }
  if (file !== undefined && keys.length === 0) {
    throw new ConfigError(`OPSCORE_API_KEYS_FILE is ${shown(file)}, which holds no key`);
  }
  if (new Set(keys.map((key) => key.secret)).size < keys.length) {
    throw new ConfigError("two API keys have the same secret: each needs its own");
  }
  return keys;
}

function keyLines(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*/, "").trim())
    .filter((line) => line !== "");
}

function readTls(given: Reader): { readonly tls?: TlsFiles } {
  const certFile = given.optional("tls_cert", String);
  const keyFile = given.optional("tls_key", String);
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined) {
    throw new ConfigError("OPSCORE_TLS_CERT and OPSCORE_TLS_KEY go together: set both or neither");
  }
  const tls = { certFile, keyFile };
  loadCertificate(tls);
  return { tls };
}

/** Reads the certificate and its key, at the start and on SIGHUP. Throws ConfigError if they are no pair. */
export function loadCertificate(tls: TlsFiles): { readonly cert: string; readonly key: string } {
  const cert = readSetting("tls_cert", tls.certFile);
  const key = readSetting("tls_key", tls.keyFile);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `OPSCORE_TLS_CERT (${tls.certFile}) and OPSCORE_TLS_KEY (${tls.keyFile}) are no usable pair: ${shown(why)}`,
    );
  }
  return { cert, key };
}

function readSetting(name: SettingName, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new ConfigError(
      `${variableOf(name)} is ${shown(file)}, but must be a file that the server can read${code}`,
    );
  }
}

function readLimits(given: Reader): Limits {
  const limits = readTable(LIMITS, given);
  const { lease_min_ms, lease_ms, lease_max_ms } = limits;
  if (lease_min_ms > lease_ms || lease_ms > lease_max_ms) {
    throw new ConfigError(
      `OPSCORE_LIMIT_LEASE_MS is ${lease_ms}, but must lie between OPSCORE_LIMIT_LEASE_MIN_MS (${lease_min_ms}) and OPSCORE_LIMIT_LEASE_MAX_MS (${lease_max_ms})`,
    );
  }
  return limits;
}

/** The values in force of a table of limits. */
function readTable<Name extends string>(
  table: Readonly<Record<Name, Limit>>,
  given: Reader,
): Readonly<Record<Name, number>> {
  const values = Object.entries<Limit>(table).map(([name, { unit }]) => [
    name,
    given.required(limitSetting(name), (text) => parseLimit(text, unit)),
  ]);
  return Object.fromEntries(values);
}

/** Refuses to be open to others by accident. Returns what to warn of where it is so on purpose. */
function checkBinding(
  { host, apiKeys, tls }: Pick<Config, "host" | "apiKeys" | "tls">,
  local: boolean,
  insecure: { readonly auth: boolean; readonly tls: boolean },
): readonly string[] {
  if (insecure.auth && apiKeys.length > 0) {
    throw new ConfigError("--insecure-no-auth contradicts the API keys: leave one of them out");
  }
  if (insecure.tls && tls !== undefined) {
    throw new ConfigError("--insecure-no-tls contradicts OPSCORE_TLS_CERT: leave one of them out");
  }
  if (local) return [];
  const beyond = `${host} can be reached from other machines`;
  if (apiKeys.length === 0 && !insecure.auth) {
    throw new ConfigError(
      `${beyond}: set OPSCORE_API_KEYS or OPSCORE_API_KEYS_FILE, or say --insecure-no-auth`,
    );
  }
  if (tls === undefined && !insecure.tls) {
    throw new ConfigError(
      `${beyond}: set OPSCORE_TLS_CERT and OPSCORE_TLS_KEY, or say --insecure-no-tls`,
    );
  }
  return [
    ...(insecure.auth ? [`${beyond} and no key is asked for (--insecure-no-auth)`] : []),
    ...(insecure.tls ? [`${beyond} in clear text (--insecure-no-tls)`] : []),
  ];
}
