import { Refused } from "../core/errors.ts";
import type { Journals } from "../engine/journals.ts";
import { bindingOf, type Item, seal, unseal } from "./seal.ts";

/** Which entries a cursor is for: it opens only for the same again. */
export interface CursorScope {
  readonly journal: "agents" | "runs" | "logs";
  readonly ns: string;
  readonly runId?: string;
  readonly filter: string;
  readonly text?: string;
}

/** Where a reader is: everything up to `position` is behind it; inside a snapshot, up to `item` too. */
export interface Cursor {
  readonly position: bigint;
  readonly item?: Item;
}

export interface Cursors {
  seal(cursor: Cursor): string;
  /** @throws {Refused} `invalid_cursor` if it is altered, or was made for anything else. */
  open(text: string): Cursor;
}

/** Cursors of one journal, namespace, run, filter and text: in streams, their unary twins and lists alike. */
export function createCursors(
  { storeId }: Pick<Journals, "storeId">,
  { journal, ns, runId = "", filter, text = "" }: CursorScope,
): Cursors {
  const binding = bindingOf("cursor", storeId, journal, ns, runId, filter, text);
  return {
    seal: (cursor) => seal({ ...cursor, binding }),
    open: (text) => {
      const { binding: its, ...cursor } = unseal(text) ?? refuse("the cursor is not ours");
      if (!Buffer.from(its).equals(binding)) refuse("the cursor was made for something else");
      return cursor;
    },
  };
}

/** The cursor of one entry inside a frame, from the frame's cursor. @throws {Refused} `invalid_cursor`. */
export function cursorAt(cursor: string, position: bigint): string {
  const { binding } = unseal(cursor) ?? refuse("the cursor is not ours");
  return seal({ position, binding });
}

function refuse(message: string): never {
  throw new Refused({ code: "invalid_cursor", message });
}
