/** More differences than this are another word, not a slip. */
const MAX_DIFFERENCES = 3;

/**
 * The candidate most like `word`, for "did you mean". Undefined when none is
 * close: at most a third of the letters, and never more than three, may differ.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = Math.min(MAX_DIFFERENCES, Math.ceil(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= fewest) continue;
    const differences = distance(word, candidate);
    if (differences < fewest) [best, fewest] = [candidate, differences];
  }
  return best;
}

/** Letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries()) {
      const replaced = Number(row[j]) + (left === right ? 0 : 1);
      next.push(Math.min(replaced, Number(row[j + 1]) + 1, Number(next[j]) + 1));
    }
    row = next;
  }
  return Number(row.at(-1));
}
