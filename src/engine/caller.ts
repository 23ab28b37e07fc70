import { Refused } from "../core/errors.ts";

/** On whose behalf something is done. Made by a door from the credential, never from the body. */
export interface Caller {
  readonly ns: string;
  /** `user:...`, `agent:...` or `system`: written into every entry. */
  readonly actor: string;
  /** Why, for people. */
  readonly reason?: string;
  /** Makes a mutation idempotent: one effect and equal answers for 24 h. */
  readonly request?: RequestKey;
}

export interface RequestKey {
  /** The caller's own `request_id`. */
  readonly id: string;
  /** principal/method/request_id. */
  readonly key: string;
  /** SHA-256 of the request without `request_id` and `wait`. */
  readonly hash: Uint8Array;
}

/** The answer of a mutation; `replayed` when an earlier call with the same request did it. */
export interface Answer<T> {
  readonly result: T;
  readonly replayed: boolean;
}

/** The engine's own doing. */
export function system(ns: string): Caller {
  return { ns, actor: "system" };
}

/** An agent acts for itself only; people and gateways act for any. @throws {Refused} `identity_mismatch`. */
export function refuseOther({ actor }: Caller, agentId: string): void {
  if (actor.startsWith("agent:") && actor !== `agent:${agentId}`) {
    throw new Refused({ code: "identity_mismatch", principal: actor, agentId });
  }
}
