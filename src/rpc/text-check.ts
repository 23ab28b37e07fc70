import type { MessageShape } from "@bufbuild/protobuf";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Refused } from "../core/errors.ts";

/** NUL, which PostgreSQL cannot store. */
const NUL = "\0";

/**
 * Refuses texts that not every store can keep: those with NUL or a lone surrogate.
 *
 * @throws {Refused} `invalid_field` with the place of the first.
 */
export function refuseBadText<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  check(reflect(schema, message, false), "");
}

function check(message: ReflectMessage, pointer: string): void {
  for (const field of message.fields) {
    if (!message.isSet(field) || !mayHoldText(field)) continue;
    const at = `${pointer}/${field.jsonName}`;
    if (field.fieldKind === "list") {
      for (const [i, item] of [...message.get(field)].entries()) checkValue(item, `${at}/${i}`);
    } else if (field.fieldKind === "map") {
      for (const [key, item] of message.get(field)) {
        checkValue(key, at);
        checkValue(item, `${at}/${String(key)}`);
      }
    } else checkValue(message.get(field), at);
  }
}

function checkValue(value: unknown, pointer: string): void {
  if (typeof value === "string") {
    if (!value.includes(NUL) && value.isWellFormed()) return;
    const message = "holds NUL or a lone surrogate, which cannot be stored";
    throw new Refused({ code: "invalid_field", pointer, message });
  }
  if (isReflect(value)) check(value, pointer);
}

function isReflect(value: unknown): value is ReflectMessage {
  return typeof value === "object" && value !== null && "fields" in value && "desc" in value;
}

function mayHoldText(field: DescField): boolean {
  if (field.fieldKind === "map") return true;
  if (field.fieldKind === "enum") return false;
  const scalar =
    field.fieldKind === "list" && field.listKind !== "scalar" ? undefined : field.scalar;
  return scalar === undefined ? field.message !== undefined : scalar === ScalarType.STRING;
}
