import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Audience, policy, RateClass } from "../../gen/opscore/v1/options_pb.ts";
import { Refused } from "../core/errors.ts";
import { createQuota } from "../engine/quota.ts";
import { type Authenticator, holdsScope, namespaceOf, type Principal } from "./auth.ts";

/** What is known of a call from its headers alone. */
export interface Identity {
  readonly principal: Principal;
  readonly namespace: string;
}

export interface Knock {
  readonly headers: Headers;
  /** IP address of the caller. */
  readonly address: string;
}

/** Admits or refuses a call on its headers, through whichever door it comes. */
export interface Gate {
  /** @throws {Refused} */
  admit(method: DescMethod, knock: Knock): Identity;
  /** Counts the items of a batch. @throws {Refused} `rate_limited`. */
  countItems(principal: Principal, items: number): void;
}

export interface GateOptions {
  readonly authenticator: Authenticator;
  readonly nowMs: () => number;
  readonly callsPerSecond: number;
  readonly callsBurst: number;
  readonly batchItemsPerSecond: number;
  readonly batchItemsBurst: number;
}

export function createGate(options: GateOptions): Gate {
  const { authenticator, nowMs } = options;
  const calls = createQuota(options.callsPerSecond, options.callsBurst);
  const items = createQuota(options.batchItemsPerSecond, options.batchItemsBurst);

  return {
    admit(method, { headers, address }) {
      if (!hasOption(method, policy)) {
        throw new Refused({ code: "not_offered", message: `${method.name} has no policy` });
      }
      const { scope, rateClass, audience } = getOption(method, policy);
      const principal = authenticator.principal(headers, address);
      // Scopes alone would open reads of logs to agents, since their writes include them.
      const isForCaller = principal.agentId === undefined || audience.includes(Audience.AGENT);
      if (!isForCaller || !holdsScope(principal, scope)) {
        throw new Refused({ code: "scope_missing", scope });
      }
      const namespace = namespaceOf(headers, principal);
      // On a laptop nobody has to be protected from themselves.
      if (authenticator.required && rateClass !== RateClass.BATCH) {
        const name = `${principal.name}/${rateClass}`;
        if (calls.take(name, 1, nowMs()) === 0)
          throw tooMany("calls_per_second", options.callsPerSecond);
      }
      return { principal, namespace };
    },

    countItems(principal, count) {
      if (!authenticator.required) return;
      if (items.take(principal.name, count, nowMs()) < count) {
        throw tooMany("batch_items_per_second", options.batchItemsPerSecond);
      }
    },
  };
}

function tooMany(name: string, value: number): Refused {
  return new Refused({ code: "rate_limited", name, value, actual: value + 1, retryAfterMs: 1_000 });
}
