import { readFileSync } from "node:fs";

/** Linux counts CPU time of processes in these. */
const TICK_MS = 10;
const KIB = 1024;

/** Named figures of one round. */
export type Sample = Readonly<Record<string, number>>;

/**
 * Every variant once, in turn, for some rounds: whatever else the machine does meets all of them.
 * What `warmUps` rounds before them measured is thrown away.
 */
export async function interleaved<K extends string>(
  { rounds, warmUps }: { readonly rounds: number; readonly warmUps: number },
  variants: Readonly<Record<K, () => Promise<Sample>>>,
): Promise<Readonly<Record<K, readonly Sample[]>>> {
  const names = Object.keys(variants) as K[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<
    K,
    Sample[]
  >;
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of names) {
      const sample = await variants[name]();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}

/** What is measured beside this process. */
export interface Measured {
  readonly pid: number;
}

/**
 * Runs `work`, which says how many operations it did, and takes the CPU time of
 * both processes, all threads included. Without a server the work is done here.
 */
export async function timed(
  server: Measured | undefined,
  work: () => Promise<number>,
): Promise<{ rate: number; serverUs: number; clientsUs: number }> {
  const before = [cpuMs(server?.pid), cpuMs("self")] as const;
  const startMs = performance.now();
  const count = await work();
  const seconds = (performance.now() - startMs) / 1_000;
  const own = ((cpuMs("self") - before[1]) * 1_000) / count;
  const others = ((cpuMs(server?.pid) - before[0]) * 1_000) / count;
  const [serverUs, clientsUs] = server === undefined ? [own, 0] : [others, own];
  return { rate: count / seconds, serverUs, clientsUs };
}

/** Runs `step` again and again, `callers` at a time, until the time is over. */
export async function repeat(
  callers: number,
  ms: number,
  step: (caller: number, turn: number) => Promise<number>,
): Promise<number> {
  const endMs = performance.now() + ms;
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let turn = 0; performance.now() < endMs; turn++) {
        const done = await step(caller, turn); // Apart: the count moves on meanwhile.
        count += done;
      }
    }),
  );
  return count;
}

/** User and system time of a process, in ms. */
function cpuMs(pid: number | "self" | undefined): number {
  if (pid === undefined) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory of a process in bytes: resident, and its share of what it shares with others. */
export function memoryOf(pid: number): { readonly rss: number; readonly pss: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(rollup)?.[1]) * KIB;
  return { rss: kib("Rss"), pss: kib("Pss") };
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
