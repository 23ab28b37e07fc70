import { type CelInput, type CelValue, isCelList, isCelMap, isCelUint } from "@bufbuild/cel";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Json } from "../json.ts";
import type { Values } from "../template-types.ts";
import { ExpressionError } from "./error.ts";
import { payPart } from "./meter.ts";

const SAFE = 2n ** 53n;

/** Values as the library takes them: JSON numbers are doubles, dates timestamps. */
export function toCel(values: Values): Record<string, CelInput> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, inputOf(value)]));
}

function inputOf(value: Json | Date): CelInput {
  if (value instanceof Date) return timestampFromMs(value.getTime());
  if (Array.isArray(value)) return value.map((item: Json) => inputOf(item));
  if (typeof value !== "object" || value === null) return value as CelInput;
  // A map keeps keys like `__proto__` what they are.
  return new Map(Object.entries(value).map(([key, item]) => [key, inputOf(item as Json)]));
}

/**
 * A result as JSON: ints to 2^53, finite doubles, times and durations as ProtoJSON.
 *
 * @throws {ExpressionError} for what JSON cannot say.
 */
export function toJson(value: CelValue): Json {
  payPart(value);
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return storable(value);
  if (typeof value === "number") return finite(value);
  if (typeof value === "bigint") return safe(value);
  if (isCelUint(value)) return safe(value.value);
  if (isCelList(value)) return [...value].map(toJson);
  if (isCelMap(value))
    return Object.fromEntries([...value].map(([key, item]) => [keyOf(key), toJson(item)]));
  return timeOf(value);
}

function storable(text: string): string {
  if (text.isWellFormed() && !text.includes("\0")) return text;
  throw new ExpressionError("the result holds NUL or half of a character");
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new ExpressionError(`the result ${value} is not a finite number`);
}

function safe(value: bigint): number {
  if (value >= -SAFE && value <= SAFE) return Number(value);
  throw new ExpressionError(`the result ${value} is beyond 2^53; use string()`);
}

function keyOf(key: unknown): string {
  if (typeof key === "string") return storable(key);
  throw new ExpressionError(`the key ${String(key)} of a map is not a string`);
}

function timeOf(value: CelValue): string {
  const { desc, message } = value as {
    desc?: { typeName: string };
    message?: { seconds: bigint; nanos: number };
  };
  if (desc?.typeName === "google.protobuf.Timestamp" && message !== undefined) {
    const second = new Date(Number(message.seconds) * 1_000)
      .toISOString()
      .slice(0, -".000Z".length);
    return `${second}${fractionOf(message.nanos) || ".000"}Z`;
  }
  if (desc?.typeName === "google.protobuf.Duration" && message !== undefined) {
    const sign = message.seconds < 0n || message.nanos < 0 ? "-" : "";
    const seconds = String(message.seconds).replace("-", "");
    return `${sign}${seconds}${fractionOf(Math.abs(message.nanos))}s`;
  }
  throw new ExpressionError("the result is neither JSON nor a time");
}

/** As ProtoJSON writes the part of a second: 0, 3, 6 or 9 digits. */
function fractionOf(nanos: number): string {
  return nanos === 0
    ? ""
    : `.${String(nanos)
        .padStart(9, "0")
        .replace(/(?:000)+$/, "")}`;
}
