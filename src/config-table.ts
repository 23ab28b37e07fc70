import { LIMIT_MAX, printLimit, SUFFIXES } from "./config-values.ts";
import { LIMITS, type Limit } from "./core/limits.ts";
import { HTTP_LIMITS } from "./rpc/http/limits.ts";

/** One setting as its user meets it. Variable, flag, help and docs/config.md follow from its row. */
export interface Setting {
  /** Stands for the value in help and documents; a setting without it is a switch. */
  readonly value?: string;
  /** What a value must be, as the end of "must be …". */
  readonly allowed: string;
  /** Read like a given value. Without it the setting is unset. */
  readonly default?: string;
  readonly about: string;
  /** Where it may be given. Both when absent. */
  readonly only?: "variable" | "flag";
}

const FILE = { value: "FILE", allowed: "a file that the server can read" } as const;
const INSECURE = { allowed: "a flag without a value", only: "flag" } as const;

/** Every setting except the limits, by name, in the order of the documents. */
export const SETTINGS = {
  host: {
    value: "ADDRESS",
    allowed: "an IP address or a host name",
    default: "127.0.0.1",
    about: "address to bind; any but a loopback address needs API keys and TLS",
  },
  port: {
    value: "PORT",
    allowed: "a whole number from 0 to 65535",
    default: "6772",
    about: "port of every protocol; 0 takes a free one",
  },
  store: {
    value: "STORE",
    allowed: "sqlite:FOLDER or sqlite::memory:",
    default: "sqlite:./.opscore",
    about: "where everything is kept: sqlite:FOLDER on a local disk, or sqlite::memory:",
  },
  api_keys: {
    value: "KEYS",
    allowed: "PRINCIPAL=SECRET[@NAMESPACE+NAMESPACE],...",
    about:
      "API keys; PRINCIPAL is user:NAME or agent:ID, SECRET at least 16 characters, namespaces `default` unless given",
    only: "variable",
  },
  api_keys_file: {
    ...FILE,
    about: "file of API keys, one per line, written as in OPSCORE_API_KEYS; # starts a comment",
  },
  tls_cert: { ...FILE, about: "PEM file of the certificate and its chain; read again on SIGHUP" },
  tls_key: { ...FILE, about: "PEM file of the certificate's private key; read again on SIGHUP" },
  allowed_hosts: {
    value: "HOSTS",
    allowed: "host names without a port, separated by commas",
    about:
      "names that requests may be addressed to, besides localhost and the loopback addresses; beyond loopback any name unless given",
  },
  allowed_origins: {
    value: "ORIGINS",
    allowed: "origins like https://ops.example.com, separated by commas",
    about: "origins of web pages that may call the server, besides its own",
  },
  reflection: {
    allowed: "true or false",
    default: "true",
    about: "gRPC reflection: tools list and call methods without a schema",
  },
  log_level: {
    value: "LEVEL",
    allowed: "one of trace, debug, info, warn, error, fatal, silent",
    default: "info",
    about: "least severe line of the server's own log, which is JSON on standard output",
  },
  insecure_no_auth: {
    ...INSECURE,
    about: "bind beyond loopback without API keys: whoever reaches the port may do everything",
  },
  insecure_no_tls: {
    ...INSECURE,
    about: "bind beyond loopback in clear text: for a proxy in front that ends TLS",
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof SETTINGS;

/** Every setting there is, limits included, by name. */
export function allSettings(): ReadonlyMap<string, Setting> {
  const limits = Object.entries<Limit>({ ...LIMITS, ...HTTP_LIMITS }).map(
    ([name, limit]) => [limitSetting(name), settingOf(limit)] as const,
  );
  return new Map<string, Setting>([...Object.entries(SETTINGS), ...limits]);
}

/** The name of the setting that changes a limit. */
export function limitSetting(name: string): string {
  return `limit_${name}`;
}

/** `tls_cert` is the variable `OPSCORE_TLS_CERT`. */
export function variableOf(name: string): string {
  return `OPSCORE_${name.toUpperCase()}`;
}

/** `tls_cert` is the flag `--tls-cert`; a switch that is on by default is turned off by `--no-…`. */
export function flagOf(name: string, setting: Setting): string {
  const prefix = setting.default === "true" ? "--no-" : "--";
  return prefix + name.replaceAll("_", "-");
}

function settingOf({ unit, value, about }: Limit): Setting {
  const suffixes = Object.keys(SUFFIXES[unit] ?? {});
  const suffix = suffixes.length > 0 ? `, also with ${suffixes.join(", ")} at its end` : "";
  return {
    value: unit.toUpperCase(),
    allowed: `a whole number from 1 to ${LIMIT_MAX}${suffix}`,
    default: printLimit(value, unit),
    about,
  };
}
