import type { Payload } from "../../../gen/opscore/v1/common_pb.ts";

/** A payload in one line. */
export function payloadText(payload: Payload | undefined): string {
  switch (payload?.data.case) {
    case "json":
      return JSON.stringify(plain(payload.data.value));
    case undefined:
      return "";
    default:
      return payload?.data.case ?? "";
  }
}

/** The JSON of a google.protobuf.Value, without loading what converts messages. */
function plain(value: Extract<Payload["data"], { case: "json" }>["value"]): unknown {
  const { kind } = value;
  switch (kind.case) {
    case "structValue":
      return Object.fromEntries(
        Object.entries(kind.value.fields).map(([key, field]) => [key, plain(field)]),
      );
    case "listValue":
      return kind.value.values.map(plain);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}
