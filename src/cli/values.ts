import type { JsonValue } from "@bufbuild/protobuf";
import { usage } from "./cli-error.ts";
import { nowMs } from "./environment.ts";

// Each function gives the value of a text from the command line or a file of settings, or throws
// the end of the sentence `--flag is "text", but …`.

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of `500ms`, `30s`, `5m`, `2h`, `1d`. */
export function parseDuration(text: string): number {
  const [, amount = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (amount === "") throw usage("must be a duration like 500ms, 30s, 5m, 2h or 1d");
  return Number(amount) * (UNIT_MS[unit] ?? 1);
}

/** A place in time, in ms since 1970: so long ago, or RFC 3339. */
export function parseWhen(text: string): number {
  if (/^\d+(\.\d+)?[a-z]+$/.test(text)) return nowMs() - parseDuration(text);
  const atMs = /^\d{4}-\d{2}-\d{2}([T ].+)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs))
    throw usage("must be an age like 1h, or a time like 2026-01-31T12:00:00Z");
  return atMs;
}

/** How many at most; `all` is no bound. */
export function parseLimit(text: string): number {
  if (text === "all") return Number.POSITIVE_INFINITY;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw usage("must be a whole number from 1, or all");
  return value;
}

/** `key=value`; the value may be empty and hold more equals signs. */
export function parsePair(text: string): readonly [key: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw usage("must be KEY=VALUE");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `42` and `{"a": 1}` are what they look like, everything else is a text. */
export function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

export function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "") {
    throw usage("must be a URL like http://127.0.0.1:6772 or https://ops.example.com");
  }
  return text.replace(/\/+$/, "");
}

/** The choice that is meant, in whatever case it was written. */
export function parseChoice(text: string, choices: readonly string[]): string {
  const meant = choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
  if (meant === undefined) throw usage(`must be one of ${choices.join(", ")}`);
  return meant;
}

/** A regular expression for every match; upper and lower case are one, as people search. */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text, "giu");
  } catch {
    throw usage("must be a regular expression like timeout|refused");
  }
}
