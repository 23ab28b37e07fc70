import type { JsonValue } from "@bufbuild/protobuf";
import { type LogEntry, type LogEntrySchema, Severity } from "../../gen/opscore/v1/logging_pb.ts";
import { Refused } from "../core/errors.ts";
import type { LogRow, StoredLog } from "../core/log.ts";
import type { LogBatch } from "../engine/logs.ts";
import { fromTime, type Init, textOrNothing, toTime } from "./convert.ts";
import { LOG_KINDS } from "./states.ts";

const ATTRIBUTES_MAX = 64;

/**
 * What a producer says; what only the server may say is dropped. Without an
 * agent the entry is about the caller, if it is one.
 * @throws {Refused} `invalid_field`.
 */
export function fromLogEntry(
  entry: LogEntry,
  pointer: string,
  callerAgentId: string | undefined,
): LogBatch["rows"][number] {
  const { operation, severity, message, attributes } = entry;
  if (attributes && Object.keys(attributes).length > ATTRIBUTES_MAX) {
    throw new Refused({
      code: "invalid_field",
      pointer: `${pointer}/attributes`,
      message: `has more than ${ATTRIBUTES_MAX} keys`,
    });
  }
  const eventTimeMs = fromTime(entry.eventTime);
  return {
    kind: "operation",
    operation,
    severity: severity === Severity.UNSPECIFIED ? Severity.INFO : severity,
    message,
    ...(attributes && { attributes }),
    ...(eventTimeMs !== undefined && { eventTimeMs }),
    ...present({
      agentId: textOrNothing(entry.agentId) ?? callerAgentId,
      runId: textOrNothing(entry.runId),
      taskId: textOrNothing(entry.taskId),
      stepPath: textOrNothing(entry.stepPath),
      traceId: textOrNothing(entry.traceId),
      spanId: textOrNothing(entry.spanId),
    }),
  };
}

type References = Pick<LogRow, "agentId" | "runId" | "taskId" | "stepPath" | "traceId" | "spanId">;

function present(references: { readonly [K in keyof References]: string | undefined }): References {
  return Object.fromEntries(Object.entries(references).filter(([, id]) => id !== undefined));
}

export function toLogEntry(log: StoredLog): Init<typeof LogEntrySchema> {
  const { atMs, kind, severity, attributes, eventTimeMs, producerSeq, ...same } = log;
  return {
    ...same,
    kind: LOG_KINDS[kind],
    // Values between the names are allowed, as in OpenTelemetry.
    severity: severity as Severity,
    time: toTime(atMs),
    ...(attributes && { attributes: attributes as Record<string, JsonValue> }),
    ...(eventTimeMs !== undefined && { eventTime: toTime(eventTimeMs) }),
    ...(producerSeq !== undefined && { producerSeq: BigInt(producerSeq) }),
  };
}
