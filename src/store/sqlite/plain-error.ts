import { type Refusal, Refused } from "../../core/errors.ts";
import { StoreUnusable } from "../unusable.ts";

/** An error as plain data: classes and their fields do not survive the way between threads. */
export type PlainError =
  | { readonly type: "refused"; readonly refusal: Refusal }
  | { readonly type: "unusable"; readonly message: string }
  | {
      readonly type: "error";
      readonly message: string;
      readonly stack: string;
      /** SQLite's result code, if it is SQLite's error. */
      readonly errcode?: number;
    };

export function toPlain(error: unknown): PlainError {
  if (error instanceof Refused) return { type: "refused", refusal: error.refusal };
  if (error instanceof StoreUnusable) return { type: "unusable", message: error.message };
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  const errcode = error instanceof Error && "errcode" in error ? Number(error.errcode) : undefined;
  return { type: "error", message, stack, ...(errcode !== undefined && { errcode }) };
}

export function fromPlain(plain: PlainError): Error {
  if (plain.type === "refused") return new Refused(plain.refusal);
  if (plain.type === "unusable") return new StoreUnusable(plain.message);
  const { type: _, message, ...rest } = plain;
  return Object.assign(new Error(message), rest);
}
