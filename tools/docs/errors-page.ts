import { readFileSync } from "node:fs";
import { type DescEnumValue, getOption } from "@bufbuild/protobuf";
import { ErrorReasonSchema } from "../../gen/opscore/v1/errors_pb.ts";
import {
  type ReasonPolicy,
  RetryAdviceSchema,
  reason as reasonOption,
  StatusCodeSchema,
} from "../../gen/opscore/v1/options_pb.ts";
import { code, heading, table } from "./markdown.ts";

const SOURCE = "proto/opscore/v1/errors.proto";

/** docs/errors.md: every reason with which the server refuses. */
export function errorsPage(): string {
  const comments = commentsOf(readFileSync(new URL(`../../${SOURCE}`, import.meta.url), "utf8"));
  const reasons = ErrorReasonSchema.values.filter((value) => value.number !== 0);
  const rows = reasons.map((value) => {
    const policy = getOption(value, reasonOption);
    return [
      code(shortName(value)),
      code(statusOf(policy)),
      retryOf(policy),
      comments.get(value.name) ?? "",
    ];
  });
  return `${heading("Errors", SOURCE)}
Every error of every protocol carries one \`opscore.v1.ErrorDetail\` with a reason of this closed list, a hint, and
what the reason needs besides: the resource, the field, the limit that was met, when to try again. The status
message is for people and may change; the reason does not. A field that breaks its rule comes with
\`buf.validate.Violations\` as a second detail. Connect over JSON shows the details decoded, under \`details[].debug\`.

What a client library does about it without asking its user:

| retry | what it means |
| --- | --- |
| never | the same request will fail again |
| same | send the same request with the same request_id after a jittered delay |
| later | as same, but not before \`retry_after\` |
| refresh | read the current state, then decide again |

## Reasons

${table(["reason", "status", "retry", "when"], rows)}`;
}

function shortName(value: DescEnumValue): string {
  return value.name.slice("ERROR_REASON_".length);
}

function statusOf(policy: ReasonPolicy): string {
  const name = StatusCodeSchema.value[policy.code]?.name ?? "";
  return name.slice("STATUS_CODE_".length).toLowerCase();
}

function retryOf(policy: ReasonPolicy): string {
  const name = RetryAdviceSchema.value[policy.retry]?.name ?? "";
  return name.slice("RETRY_ADVICE_".length).toLowerCase().replaceAll("_", " ");
}

/** Descriptors carry no comments, so they are read from the source: the lines right above a value. */
function commentsOf(source: string): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  let lines: string[] = [];
  for (const line of source.split("\n").map((text) => text.trim())) {
    const [, name] = /^(ERROR_REASON_\w+) = \d+/.exec(line) ?? [];
    if (name !== undefined) comments.set(name, lines.join(" "));
    lines = line.startsWith("//") ? [...lines, line.replace(/^\/\/ ?/, "")] : [];
  }
  return comments;
}
