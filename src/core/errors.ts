import type { Diagnostic } from "./diagnostic.ts";

/** What a limit is called, what it is, and what the request came to. */
export interface LimitMet {
  readonly name: string;
  readonly value: number;
  readonly actual: number;
}

/** Kinds of things that can be missing. */
export type Missing = "agent" | "session" | "template" | "run" | "task";

/**
 * Every refusal there is, by code. The set is closed: a new code makes
 * `rpc/errors.ts` fail to compile until it says what callers see.
 */
export type Refusal =
  // The request can never work.
  | { readonly code: "invalid_field"; readonly pointer: string; readonly message: string }
  | { readonly code: "invalid_filter"; readonly diagnostics: readonly Diagnostic[] }
  | { readonly code: "invalid_cursor"; readonly message: string }
  | { readonly code: "invalid_page_token" }
  | { readonly code: "request_id_reused"; readonly requestId: string }
  | { readonly code: "malformed"; readonly message: string; readonly pointer?: string }
  | { readonly code: "empty_target" }
  | { readonly code: "template_invalid"; readonly diagnostics: readonly Diagnostic[] }
  // The named thing is not there, or is there already.
  | { readonly code: "not_found"; readonly what: Missing; readonly id: string }
  | { readonly code: "run_exists"; readonly runId: string }
  | { readonly code: "template_version_exists"; readonly id: string; readonly version: string }
  | { readonly code: "outcome_recorded"; readonly taskId: string }
  // The state does not allow it.
  | {
      readonly code: "lease_lost";
      readonly taskId: string;
      readonly leaseEpoch: number;
      readonly agentId?: string;
    }
  | {
      readonly code: "illegal_transition";
      readonly agentId: string;
      readonly from: string;
      readonly to: string;
    }
  | { readonly code: "run_ended"; readonly runId: string; readonly state: string }
  | { readonly code: "agent_in_use"; readonly agentId: string; readonly message: string }
  | { readonly code: "session_live"; readonly agentId: string; readonly retryAfterMs: number }
  | { readonly code: "session_closed"; readonly sessionId: string }
  | { readonly code: "session_superseded"; readonly sessionId: string; readonly epoch: number }
  | { readonly code: "revision_mismatch"; readonly resource: string; readonly revision: number }
  // Who is calling.
  | { readonly code: "unauthenticated"; readonly message: string }
  | { readonly code: "scope_missing"; readonly scope: string }
  | { readonly code: "namespace_denied"; readonly namespace: string }
  | { readonly code: "identity_mismatch"; readonly principal: string; readonly agentId: string }
  // Limits and load.
  | ({ readonly code: "too_large"; readonly pointer?: string } & LimitMet)
  | ({ readonly code: "limit_reached" } & LimitMet)
  | ({ readonly code: "rate_limited"; readonly retryAfterMs: number } & LimitMet)
  | { readonly code: "overloaded"; readonly retryAfterMs: number }
  | { readonly code: "slow_reader"; readonly cursor: string }
  // The store.
  | { readonly code: "version_conflict"; readonly key: string }
  | { readonly code: "reservation_lost"; readonly key: string }
  | { readonly code: "contention"; readonly key: string }
  /** `cursor` is `oldest` as callers can use it; doors know how to write it. */
  | { readonly code: "cursor_expired"; readonly oldest: bigint; readonly cursor?: string }
  | { readonly code: "store_full" }
  | { readonly code: "store_unavailable"; readonly message: string }
  | { readonly code: "data_corrupt"; readonly key: string; readonly message: string }
  // The call itself.
  | { readonly code: "draining" }
  | { readonly code: "deadline_passed" }
  | { readonly code: "caller_cancelled" }
  | { readonly code: "not_offered"; readonly message: string };

/**
 * An expected "no". Thrown by rules, stores and doors, translated once, in
 * `rpc/errors.ts`. Anything else that is thrown is a bug and reads "internal"
 * to callers.
 */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(
      `${refusal.code}: ${JSON.stringify(refusal, (_, v) => (typeof v === "bigint" ? String(v) : v))}`,
    );
    this.refusal = refusal;
  }
}

/** Whether `error` is a refusal with one of these codes. */
export function isRefused<C extends Refusal["code"]>(
  error: unknown,
  ...codes: readonly C[]
): error is Refused & { readonly refusal: Extract<Refusal, { code: C }> } {
  return error instanceof Refused && (codes as readonly string[]).includes(error.refusal.code);
}

/** Marks a branch the types prove unreachable. Throws if a cast lied to them. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
