/** Token buckets by name: a steady rate, and a burst after quiet. */
export interface Quota {
  /** Takes up to `wanted`; answers how many are allowed now. */
  take(name: string, wanted: number, nowMs: number): number;
}

/** Names remembered; a forgotten one starts full, which only helps it. */
const NAMES_MAX = 10_000;

export function createQuota(perSecond: number, burst: number): Quota {
  const buckets = new Map<string, { readonly left: number; readonly atMs: number }>();
  return {
    take(name, wanted, nowMs) {
      const { left, atMs } = buckets.get(name) ?? { left: burst, atMs: nowMs };
      const filled = Math.min(burst, left + ((nowMs - atMs) / 1_000) * perSecond);
      const taken = Math.min(wanted, Math.floor(filled));
      buckets.delete(name);
      buckets.set(name, { left: filled - taken, atMs: nowMs });
      const [oldest] = buckets.keys();
      if (buckets.size > NAMES_MAX && oldest !== undefined) buckets.delete(oldest);
      return taken;
    },
  };
}
