import { Refused } from "../core/errors.ts";
import { sameDigest, sha256 } from "../engine/digest.ts";
import { createQuota } from "../engine/quota.ts";

/** Who calls, as its credential says. */
export interface Principal {
  /** `user:NAME` or `agent:ID`; the key of idempotency and limits. */
  readonly name: string;
  /** Whom the history names: the principal, or in local mode whoever the caller says it is. */
  readonly actor: string;
  /** The one agent that an agent's credential may act for. */
  readonly agentId?: string;
  readonly scopes: readonly string[];
  /** `*`: every namespace. */
  readonly namespaces: readonly string[];
}

/** A credential as it is configured. */
export interface Credential {
  /** `user:NAME`, with all scopes, or `agent:ID`. */
  readonly principal: string;
  readonly secret: string;
  readonly namespaces: readonly string[];
}

/** Finds out who calls, before anything of the request's body is read. */
export interface Authenticator {
  /** Whether callers must present a key. */
  readonly required: boolean;
  /** @throws {Refused} `unauthenticated`, `rate_limited` after many failures from one address. */
  principal(headers: Headers, address: string): Principal;
}

const LOGINS_PER_MINUTE = 10;
const ACTOR = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,127}$/;
const NAMESPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const DEFAULT_NAMESPACE = "default";

/** An agent's own lifecycle, its tasks, log writes, and runs to start and read. */
const AGENT_SCOPES = [
  ...["lifecycle.self", "lifecycle.read", "task.poll", "task.report", "log.write"],
  ...["workflow.run.write", "workflow.run.read"],
];
const USER_SCOPES = ["admin"];

export function createAuthenticator(
  credentials: readonly Credential[],
  nowMs: () => number,
): Authenticator {
  const known = credentials.map((credential) => ({
    hash: sha256(credential.secret),
    principal: principalOf(credential),
  }));
  const failures = createQuota(LOGINS_PER_MINUTE / 60, LOGINS_PER_MINUTE);

  return {
    required: known.length > 0,

    principal(headers, address) {
      if (known.length === 0) return localPrincipal(headers.get("opscore-actor"));
      const secret = /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
      if (secret === undefined) {
        const message = "send the header `authorization: Bearer KEY`";
        throw new Refused({ code: "unauthenticated", message });
      }
      const hash = sha256(secret);
      // All are compared, each in constant time: the answer's time says nothing about the keys.
      const [found] = known.filter((item) => sameDigest(item.hash, hash));
      if (found !== undefined) return found.principal;
      if (failures.take(address, 1, nowMs()) === 0) {
        const met = { name: "failed_logins_per_minute", value: LOGINS_PER_MINUTE };
        throw new Refused({
          code: "rate_limited",
          ...met,
          actual: LOGINS_PER_MINUTE + 1,
          retryAfterMs: 60_000 / LOGINS_PER_MINUTE,
        });
      }
      throw new Refused({ code: "unauthenticated", message: "the key is not known here" });
    },
  };
}

/**
 * The namespace of a call: of its header, or `default`.
 *
 * @throws {Refused} `invalid_field`, `namespace_denied`.
 */
export function namespaceOf(headers: Headers, { namespaces }: Principal): string {
  const namespace = headers.get("opscore-namespace") ?? DEFAULT_NAMESPACE;
  if (!NAMESPACE.test(namespace)) {
    const message = `the header opscore-namespace must match ${NAMESPACE.source}`;
    throw new Refused({ code: "invalid_field", pointer: "", message });
  }
  if (!namespaces.includes("*") && !namespaces.includes(namespace)) {
    throw new Refused({ code: "namespace_denied", namespace });
  }
  return namespace;
}

/** Whether a credential holds a scope: `admin` holds all, `x.write` holds `x.read`. */
export function holdsScope({ scopes }: Principal, scope: string): boolean {
  const { 0: area = "" } = /^.*(?=\.)/.exec(scope) ?? [];
  const verb = scope.slice(area.length + 1);
  return scopes.some(
    (held) =>
      held === "admin" ||
      held === scope ||
      (verb === "read" && held === `${area}.write`) ||
      (scope === "lifecycle.self" && held === "lifecycle.write"),
  );
}

/** An agent's credential acts for that agent only. @throws {Refused} `identity_mismatch`. */
export function actAs(principal: Principal, agentId: string): void {
  if (principal.agentId !== undefined && principal.agentId !== agentId) {
    throw new Refused({ code: "identity_mismatch", principal: principal.name, agentId });
  }
}

function principalOf({ principal, namespaces }: Credential): Principal {
  const base = { name: principal, actor: principal, namespaces };
  if (!principal.startsWith("agent:")) return { ...base, scopes: USER_SCOPES };
  return { ...base, agentId: principal.slice("agent:".length), scopes: AGENT_SCOPES };
}

/** Without keys everybody on this machine may do everything; a header names the person. */
function localPrincipal(actor: string | null): Principal {
  const name = "user:local";
  const known = actor !== null && ACTOR.test(actor) ? `user:${actor}` : name;
  return { name, actor: known, scopes: USER_SCOPES, namespaces: ["*"] };
}
