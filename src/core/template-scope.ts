/** Where an expression stands: in a fallback `error` can be read too. */
export type Scope = "main" | "fallback";

/** What an expression is for: some can read one name more. */
export type Use = "step" | "where" | "retry_if";

const EVERYWHERE = ["input", "vars", "run", "now", "steps"];
const IN_FALLBACK = [...EVERYWHERE, "error"];

const NAMES: Readonly<Record<Scope, Readonly<Record<Use, ReadonlySet<string>>>>> = {
  main: {
    step: new Set(EVERYWHERE),
    where: new Set([...EVERYWHERE, "agent"]),
    retry_if: new Set(IN_FALLBACK),
  },
  fallback: {
    step: new Set(IN_FALLBACK),
    where: new Set([...IN_FALLBACK, "agent"]),
    retry_if: new Set(IN_FALLBACK),
  },
};

/** The root names an expression can read. The same set each time, so it can key a cache. */
export function scopeOf(scope: Scope, use: Use): ReadonlySet<string> {
  return NAMES[scope][use];
}
