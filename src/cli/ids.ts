import { nearest } from "../core/nearest.ts";
import { CliError, usage } from "./cli-error.ts";
import type { Ops } from "./connect.ts";
import type { View } from "./output/view.ts";

/** Candidates that an error names. */
const SHOWN_MAX = 10;
/** Ids among which a mistyped one is looked for. */
const KNOWN_MAX = 1_000;
/** The longest id of the contract: no longer text can be the beginning of one. */
const ID_BYTES_MAX = 128;

/**
 * Calls with an id as it was typed; when there is none such, with the one id
 * that begins with it. So a whole id costs one call, and is never taken for the
 * beginning of another.
 *
 * @throws {CliError} `usage` for a beginning of several, `notFound` for one of none.
 */
export async function byId<T, R>(
  { noun, ids }: View<T>,
  ops: Ops,
  typed: string,
  call: (id: string) => Promise<R>,
): Promise<R> {
  try {
    return await call(typed);
  } catch (error) {
    const isKnown = ids !== undefined && Buffer.byteLength(typed) <= ID_BYTES_MAX;
    if (!isKnown || !(await isNotFound(error))) throw error;
    const found = typed === "" ? [] : await ids(ops, typed, SHOWN_MAX + 1);
    const [only, other] = found;
    if (only !== undefined && other === undefined) return await call(only);
    if (only === undefined) throw notFound(noun, typed, await ids(ops, "", KNOWN_MAX), error);
    throw ambiguous(noun, typed, found);
  }
}

/**
 * The id that is meant where it only selects, as in a filter: what nothing is
 * known of stays as it was typed, since it may have been removed.
 */
export async function fullId<T>({ noun, ids }: View<T>, ops: Ops, typed: string): Promise<string> {
  const found = (await ids?.(ops, typed, SHOWN_MAX + 1)) ?? [];
  const [only = typed, other] = found;
  if (found.includes(typed)) return typed;
  if (other !== undefined) throw ambiguous(noun, typed, found);
  return only;
}

/** A filter for ids that begin with a text; strings of the filter language are those of JSON. */
export function beginsWith(field: string, prefix: string): string {
  return prefix === "" ? "" : `${field}.startsWith(${JSON.stringify(prefix)})`;
}

function ambiguous(noun: string, typed: string, found: readonly string[]): CliError {
  const more = found.length > SHOWN_MAX ? ", …" : "";
  return usage(
    `${JSON.stringify(typed)} is the beginning of more than one ${noun}`,
    `there are ${found.slice(0, SHOWN_MAX).join(", ")}${more}`,
  );
}

function notFound(noun: string, typed: string, known: readonly string[], cause: unknown): CliError {
  const meant = nearest(typed, known);
  return new CliError("notFound", `no ${noun} ${JSON.stringify(typed)}`, {
    reason: `${noun.toUpperCase()}_NOT_FOUND`,
    hint:
      meant === undefined ? `opscore ${noun} list shows what there is` : `did you mean ${meant}?`,
    cause,
  });
}

async function isNotFound(error: unknown): Promise<boolean> {
  const { Code, ConnectError } = await import("@connectrpc/connect");
  return error instanceof ConnectError && error.code === Code.NotFound;
}
