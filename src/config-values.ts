import { isIP } from "node:net";
import type { Limit } from "./core/limits.ts";

export type StoreLocation =
  | { readonly type: "memory" }
  | { readonly type: "folder"; readonly folder: string };

export type LogLevel = (typeof LOG_LEVELS)[number];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const HOST_NAME =
  /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** Suffixes that a limit's value may carry, by the limit's unit. */
export const SUFFIXES: Readonly<Partial<Record<Limit["unit"], Readonly<Record<string, number>>>>> =
  {
    ms: { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 },
    bytes: { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
  };

/** No limit may be larger. */
export const LIMIT_MAX = 10 ** 12;

/** True if only this machine can reach a server bound to the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

// Each function from here gives the value of a setting's text, or undefined if it is malformed.

export function parseHost(text: string): string | undefined {
  const host = text.toLowerCase();
  // A name of digits and dots is a mistyped IPv4 address, not a name.
  const isName = host.length <= 253 && HOST_NAME.test(host) && !/^[\d.]+$/.test(host);
  return isIP(host) !== 0 || isName ? host : undefined;
}

export function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

export function parseStore(text: string): StoreLocation | undefined {
  if (text === "sqlite::memory:") return { type: "memory" };
  const [, folder] = /^sqlite:([^:].*)$/.exec(text) ?? [];
  return folder === undefined ? undefined : { type: "folder", folder };
}

export function parseSwitch(text: string): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}

export function parseLogLevel(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text);
}

export function parseOrigin(text: string): string | undefined {
  return URL.canParse(text) && new URL(text).origin === text ? text : undefined;
}

/** All items, or undefined if one of them is malformed. */
export function listOf<T>(
  parse: (text: string) => T | undefined,
): (text: string) => T[] | undefined {
  return (text) => {
    const items = text.split(",").map((item) => parse(item.trim()));
    const parsed = items.filter((item) => item !== undefined);
    return parsed.length === items.length ? parsed : undefined;
  };
}

/** The value of a limit's text, or undefined if it is none: a whole number, or one with a suffix. */
export function parseLimit(text: string, unit: Limit["unit"]): number | undefined {
  const [, digits = "", suffix = ""] = /^(\d{1,13})([A-Za-z]*)$/.exec(text) ?? [];
  const factor = suffix === "" ? 1 : (SUFFIXES[unit]?.[suffix] ?? Number.NaN);
  const value = digits === "" ? Number.NaN : Number(digits) * factor;
  return value >= 1 && value <= LIMIT_MAX ? value : undefined;
}

/** The shortest text that `parseLimit` reads as the value: 86,400,000 ms is `1d`. */
export function printLimit(value: number, unit: Limit["unit"]): string {
  const suffixes = Object.entries(SUFFIXES[unit] ?? {});
  const [suffix, factor] = suffixes.findLast(([, size]) => value % size === 0) ?? ["", 1];
  return `${value / factor}${suffix}`;
}
