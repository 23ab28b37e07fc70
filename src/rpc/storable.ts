import {
  type DescField,
  type DescMessage,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Refused } from "../core/errors.ts";

/** NUL, which PostgreSQL cannot store. */
const NUL = "\0";

/** What ProtoJSON can write: the years 1 to 9999, and as much to both sides. */
const TIMESTAMP_SECONDS = [-62_135_596_800n, 253_402_300_799n] as const;
const DURATION_SECONDS = [-315_576_000_000n, 315_576_000_000n] as const;
const NANOS_MAX = 999_999_999;

interface Seconds {
  readonly $typeName: string;
  readonly seconds: bigint;
  readonly nanos: number;
}

/**
 * Refuses values that not every store can keep, or that no reader could be
 * sent as JSON: texts with NUL or a lone surrogate, numbers that are not finite,
 * times out of range, values that are none. Binary messages can hold them all.
 *
 * @throws {Refused} `invalid_field` with the place of the first.
 */
export function refuseUnstorable<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  // Looking for the place needs reflection, which takes 50 times as long.
  if (faultOf(message) !== undefined) findIn(reflect(schema, message, false), "");
}

/** What is wrong with a value or anything in it. */
function faultOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return value.includes(NUL) || !value.isWellFormed()
        ? "holds NUL or a lone surrogate, which cannot be stored"
        : undefined;
    case "number":
      return Number.isFinite(value) ? undefined : "is not a finite number";
    case "object":
      return value === null || value instanceof Uint8Array ? undefined : faultIn(value);
    default:
      return undefined;
  }
}

function faultIn(value: object): string | undefined {
  const own = "$typeName" in value ? faultOfMessage(value as Seconds) : undefined;
  if (own !== undefined) return own;
  if (Array.isArray(value)) {
    for (const item of value) {
      const fault = faultOf(item);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const [key, item] of Object.entries(value)) {
    // Fields that are not known are dropped with the message.
    const fault = key === "$unknown" ? undefined : (faultOf(key) ?? faultOf(item));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfMessage(message: Seconds): string | undefined {
  switch (message.$typeName) {
    case "google.protobuf.Timestamp":
      return isTime(message, TIMESTAMP_SECONDS) && message.nanos >= 0
        ? undefined
        : "is not a time from the year 1 to 9999";
    case "google.protobuf.Duration":
      return isTime(message, DURATION_SECONDS) && hasOneSign(message)
        ? undefined
        : "is not a duration of at most 315576000000 s, of one sign";
    case "google.protobuf.Value":
      return (message as { kind?: { case?: string } }).kind?.case === undefined
        ? "is a value that is none, not even null"
        : undefined;
    default:
      return undefined;
  }
}

function isTime({ seconds, nanos }: Seconds, [min, max]: readonly [bigint, bigint]): boolean {
  return seconds >= min && seconds <= max && Math.abs(nanos) <= NANOS_MAX;
}

function hasOneSign({ seconds, nanos }: Seconds): boolean {
  return seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0;
}

function findIn(message: ReflectMessage, pointer: string): undefined {
  const own = faultOfMessage(message.message as unknown as Seconds);
  if (own !== undefined) refuse(pointer, own);
  for (const field of message.fields) {
    if (message.isSet(field) && mayBeWrong(field)) {
      findInField(message, field, `${pointer}/${field.jsonName}`);
    }
  }
}

function findInField(message: ReflectMessage, field: DescField, at: string): void {
  if (field.fieldKind === "list") {
    for (const [i, item] of [...message.get(field)].entries()) find(item, `${at}/${i}`);
  } else if (field.fieldKind === "map") {
    for (const [key, item] of message.get(field)) {
      find(key, at);
      find(item, `${at}/${String(key)}`);
    }
  } else find(message.get(field), at);
}

function find(value: unknown, pointer: string): void {
  const fault = isReflect(value) ? findIn(value, pointer) : faultOf(value);
  if (fault !== undefined) refuse(pointer, fault);
}

function refuse(pointer: string, message: string): never {
  throw new Refused({ code: "invalid_field", pointer, message });
}

function isReflect(value: unknown): value is ReflectMessage {
  return typeof value === "object" && value !== null && "fields" in value && "desc" in value;
}

const WRONG_SCALARS: readonly (ScalarType | undefined)[] = [
  ScalarType.STRING,
  ScalarType.DOUBLE,
  ScalarType.FLOAT,
];

function mayBeWrong(field: DescField): boolean {
  if (field.fieldKind === "map" || field.message !== undefined) return true;
  return field.fieldKind !== "enum" && WRONG_SCALARS.includes(field.scalar);
}
