import type { Code, ConnectError } from "@connectrpc/connect";
import type { CliError } from "./cli-error.ts";
import type { ExitName } from "./exit.ts";
import { cleanLines, toSafeJson } from "./output/text.ts";

/** What a person, and what a program, is told of an error. */
export interface Explanation {
  readonly exit: ExitName;
  readonly text: string;
  /** The Connect error as JSON. */
  readonly json: string;
}

/** The status of the contract that says most nearly what a command ended with. */
const CODES: Readonly<Partial<Record<ExitName, string>>> = {
  usage: "invalid_argument",
  notFound: "not_found",
  denied: "permission_denied",
  conflict: "failed_precondition",
  unreachable: "unavailable",
  config: "failed_precondition",
  timeout: "deadline_exceeded",
  interrupted: "canceled",
};

export function explainCliError({ exit, message, reason, hint }: CliError): Explanation {
  const code = CODES[exit] ?? "unknown";
  return {
    exit,
    text: textOf(message, reason, hint === undefined ? [] : [`hint: ${hint}`]),
    json: toSafeJson({ code, message, ...(reason && { reason }), ...(hint && { hint }) }),
  };
}

/** What the server refused, or why there was no answer. */
export async function explainConnectError(
  error: ConnectError,
  server: string,
): Promise<Explanation> {
  const { Code } = await import("@connectrpc/connect");
  const { errorToJson } = await import("@connectrpc/connect/protocol-connect");
  const { ErrorDetailSchema, ErrorReasonSchema } = await import(
    "../../gen/opscore/v1/errors_pb.ts"
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  const json = toSafeJson(errorToJson(error, undefined));
  const exit = exitOf(error.code, Code);
  if (detail === undefined && exit === "unreachable") {
    const message = `no answer from ${server}: ${causeOf(error)}`;
    const hint = "opscore dev starts a server; -s names another";
    return { exit, text: textOf(message, undefined, [`hint: ${hint}`]), json };
  }
  const reason = detail && ErrorReasonSchema.value[detail.reason]?.localName;
  const findings = (detail?.diagnostics ?? []).map(
    ({ line, column, pointer, message, suggestion }) => {
      const place = line > 0 ? `${line}:${column}: ` : pointer === "" ? "" : `${pointer}: `;
      return `  ${place}${message}${suggestion === "" ? "" : `; ${suggestion}`}`;
    },
  );
  const hints = detail?.hint ? [`hint: ${detail.hint}`] : [];
  return { exit, text: textOf(error.rawMessage, reason, [...findings, ...hints]), json };
}

function exitOf(code: Code, codes: typeof Code): ExitName {
  switch (code) {
    case codes.InvalidArgument:
      return "usage";
    case codes.NotFound:
      return "notFound";
    case codes.Unauthenticated:
    case codes.PermissionDenied:
      return "denied";
    case codes.AlreadyExists:
    case codes.FailedPrecondition:
    case codes.Aborted:
    case codes.OutOfRange:
      return "conflict";
    case codes.Unavailable:
      return "unreachable";
    case codes.DeadlineExceeded:
      return "timeout";
    default:
      return "failure";
  }
}

function textOf(message: string, reason: string | undefined, lines: readonly string[]): string {
  const first = `error: ${message}${reason === undefined ? "" : ` (${reason})`}`;
  return cleanLines([first, ...lines].map((line) => `${line}\n`).join(""));
}

/** The innermost message: what the system said. */
function causeOf(error: Error): string {
  for (let cause: unknown = error; ; ) {
    const next: unknown = cause instanceof Error ? cause.cause : undefined;
    if (next instanceof AggregateError && next.errors[0] instanceof Error)
      return next.errors[0].message;
    if (!(next instanceof Error)) return cause instanceof Error ? cause.message : String(cause);
    cause = next;
  }
}
