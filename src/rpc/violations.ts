import { type Violation, violationsToProto } from "@bufbuild/protovalidate";
import type { ConnectError } from "@connectrpc/connect";
import { toConnectError } from "./errors.ts";
import { pointerOf } from "./validate-item.ts";

/** Fields that break their rules: the first as the reason, all of them attached. */
export function invalidFields(violations: readonly Violation[]): ConnectError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const error = toConnectError({
    code: "invalid_field",
    pointer: first === undefined ? "" : pointerOf(first.field),
    message: `${first?.message ?? "is invalid"}${more}`,
  });
  const [value, desc] = violationsToProto([...violations]);
  error.details.push({ desc, value });
  return error;
}
