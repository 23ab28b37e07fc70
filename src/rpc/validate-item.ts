import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Violation } from "@bufbuild/protovalidate";
import { Refused, unreachable } from "../core/errors.ts";
import { brokenRules } from "./rules.ts";

/**
 * One item of a batch, which the rules of the request leave out so that a wrong
 * one is refused alone. `pointer` is where it is in the request.
 * @throws {Refused} `invalid_field` for the first rule that it breaks.
 */
export function validItem<Desc extends DescMessage>(
  schema: Desc,
  item: MessageShape<Desc>,
  pointer: string,
): MessageShape<Desc> {
  const [violation] = brokenRules(schema, item);
  if (violation === undefined) return item;
  throw new Refused({
    code: "invalid_field",
    pointer: `${pointer}${pointerOf(violation.field)}`,
    message: wordsOf(violation, item),
  });
}

/** What is wrong with a field. Of one that was left out, nobody wants to read a pattern. */
export function wordsOf({ ruleId, field, message }: Violation, whole: object): string {
  const isMissing = ruleId === "string.pattern" && valueAt(whole, field) === "";
  return isMissing ? "is required" : message;
}

function valueAt(whole: unknown, path: Violation["field"]): unknown {
  return path.reduce((at, step) => {
    const parts = at as Readonly<Record<string, unknown>>;
    switch (step.kind) {
      case "field":
        return step.oneof === undefined
          ? parts[step.localName]
          : (parts[step.oneof.localName] as { readonly value?: unknown }).value;
      case "list_sub":
        return parts[step.index];
      case "map_sub":
        return parts[String(step.key)];
      default:
        return undefined;
    }
  }, whole);
}

/** The JSON Pointer to a field, by its JSON names. */
export function pointerOf(path: Violation["field"]): string {
  return path.map((step) => `/${tokenOf(step)}`).join("");
}

function tokenOf(step: Violation["field"][number]): string {
  switch (step.kind) {
    case "field":
      return step.jsonName;
    case "oneof":
      return step.localName;
    case "extension":
      return step.typeName;
    case "list_sub":
      return String(step.index);
    case "map_sub":
      return String(step.key).replaceAll("~", "~0").replaceAll("/", "~1");
    default:
      return unreachable(step);
  }
}
