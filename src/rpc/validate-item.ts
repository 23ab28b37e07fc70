import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { Refused, unreachable } from "../core/errors.ts";

const validator = createValidator();

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
  const result = validator.validate(schema, item);
  if (result.kind === "valid") return item;
  if (result.kind === "error") throw result.error;
  const [violation] = result.violations;
  throw new Refused({
    code: "invalid_field",
    pointer: `${pointer}${violation ? pointerOf(violation.field) : ""}`,
    message: violation?.message ?? "is invalid",
  });
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
