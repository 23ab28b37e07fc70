import { create, toBinary } from "@bufbuild/protobuf";
import { DiagnosticSchema } from "../../gen/opscore/v1/common_pb.ts";
import type { Said } from "./refusals.ts";

// An error travels in the trailers of gRPC, of which many clients take 8 KiB in all, and a
// third of that is lost to base64.
const MESSAGE_CHARACTERS = 300;
const POINTER_CHARACTERS = 512;
const DIAGNOSTICS_BYTES = 2_048;

/** What is said, as much of it as every client can take. */
export function bounded({ reason, message, detail }: Said): Said {
  if (detail === undefined) return { reason, message: cut(message, MESSAGE_CHARACTERS) };
  const { pointer, diagnostics } = detail;
  return {
    reason,
    message: cut(message, MESSAGE_CHARACTERS),
    detail: {
      ...detail,
      ...(pointer !== undefined && { pointer: cut(pointer, POINTER_CHARACTERS) }),
      ...(diagnostics && {
        diagnostics: fitting(diagnostics, DIAGNOSTICS_BYTES, (diagnostic) =>
          toBinary(DiagnosticSchema, create(DiagnosticSchema, diagnostic)),
        ),
      }),
    },
  };
}

/** The first items that fit into a number of bytes. */
export function fitting<T>(
  items: readonly T[],
  bytesMax: number,
  write: (item: T) => Uint8Array,
): T[] {
  let left = bytesMax;
  const over = items.findIndex((item) => {
    left -= write(item).length;
    return left < 0;
  });
  return over === -1 ? [...items] : items.slice(0, over);
}

/** A text that begins like this one; never with half of a character, which no protocol can send. */
function cut(text: string, charactersMax: number): string {
  const whole = text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;
  return whole.toWellFormed();
}
