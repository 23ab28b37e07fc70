import { toBinary } from "@bufbuild/protobuf";
import { type Violation, violationsToProto } from "@bufbuild/protovalidate";
import { ViolationSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import type { ConnectError } from "@connectrpc/connect";
import { fitting } from "./error-size.ts";
import { toConnectError } from "./errors.ts";
import { pointerOf, wordsOf } from "./validate-item.ts";

const VIOLATIONS_BYTES = 2_048;

/** Fields that break their rules: the first as the reason, as many of them attached as an error can carry. */
export function invalidFields(violations: readonly Violation[], message: object): ConnectError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const error = toConnectError({
    code: "invalid_field",
    pointer: first === undefined ? "" : pointerOf(first.field),
    message: `${first === undefined ? "is invalid" : wordsOf(first, message)}${more}`,
  });
  const [value, desc] = violationsToProto([...violations]);
  value.violations = fitting(value.violations, VIOLATIONS_BYTES, (violation) =>
    toBinary(ViolationSchema, violation),
  );
  if (value.violations.length > 0) error.details.push({ desc, value });
  return error;
}
