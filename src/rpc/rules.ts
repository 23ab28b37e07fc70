import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createValidator, type Violation } from "@bufbuild/protovalidate";

/** The rules are ours, so Node may match their patterns: the library's own engine takes 130 ms for 1 MiB. */
const patterns = new Map<string, RegExp>();
function regexMatch(pattern: string, text: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(pattern, "u");
  patterns.set(pattern, known);
  return known.test(text);
}

const first = createValidator({ failFast: true, regexMatch });
const every = createValidator({ regexMatch });

/** Values up to which a message is small enough to list all that is wrong with it. */
const VALUES_MAX = 2_000;

/** Compiles the rules of a message, which takes long. */
export function compileRules(schema: DescMessage, empty: MessageShape<DescMessage>): void {
  first.validate(schema, empty);
  every.validate(schema, empty);
}

/**
 * The rules of the contract that a message breaks: all of them, or of a large
 * message the first. A list that is far too long would take seconds to look through.
 */
export function brokenRules<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
): readonly Violation[] {
  const found = violationsOf(first, schema, message);
  if (found.length === 0 || count(message, VALUES_MAX) <= 0) return found;
  return violationsOf(every, schema, message);
}

function violationsOf<D extends DescMessage>(
  validator: typeof first,
  schema: D,
  message: MessageShape<D>,
): readonly Violation[] {
  const result = validator.validate(schema, message);
  if (result.kind === "error") throw result.error;
  return result.kind === "invalid" ? result.violations : [];
}

/** What is left of a number of values after counting those of a message. */
function count(value: unknown, left: number): number {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return left - 1;
  let rest = left;
  for (const key in value) {
    if (rest <= 0) return rest;
    rest = count((value as Record<string, unknown>)[key], rest);
  }
  return rest - 1;
}
