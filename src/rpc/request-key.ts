import { type DescMessage, type DescMethod, type MessageShape, toJson } from "@bufbuild/protobuf";
import { canonicalJson } from "../core/canonical-json.ts";
import { Refused } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { RequestKey } from "../engine/caller.ts";
import { sha256 } from "../engine/digest.ts";

/**
 * What makes a mutation idempotent: the caller's `request_id` for this method,
 * and a hash of everything else it asked for. `wait` is not part of it: who
 * repeats a call may wait for something else. `undefined` without a `request_id`.
 */
export function requestKeyOf<Input extends DescMessage>(
  method: DescMethod & { readonly input: Input },
  message: MessageShape<Input> & { readonly requestId: string },
  principal: string,
): RequestKey | undefined {
  const id = message.requestId;
  if (id === "") return undefined;
  return { id, key: `${principal}/${method.name}/${id}`, hash: hashOf(method.input, message) };
}

function hashOf<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Uint8Array {
  const { requestId: _, wait: __, ...asked } = jsonOf(schema, message);
  return sha256(canonicalJson(asked));
}

/** Binary protobuf can hold numbers that JSON cannot. */
function jsonOf<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): JsonObject {
  try {
    return toJson(schema, message) as JsonObject;
  } catch {
    throw new Refused({ code: "malformed", message: "the request holds a value that is no JSON" });
  }
}
