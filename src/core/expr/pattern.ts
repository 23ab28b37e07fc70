const TOKENS =
  /\\[pP](?:\{[^}]*\}|.)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?<least>\d+)(?:,(?<most>\d*))?\}|[()]|[*+?|^$]|./gsu;

/** A class of Unicode letters is a table of hundreds of ranges. */
const UNICODE_CLASS_SIZE = 100;

/** About how many parts a pattern has once its counted repetitions are written out. */
export function patternSize(pattern: string): number {
  const outer: number[] = [];
  let sum = 1;
  let last = 0;
  for (const { 0: token, groups } of pattern.matchAll(TOKENS)) {
    const { least, most } = groups as { least?: string; most?: string };
    if (least !== undefined) {
      sum += last * (Math.max(1, Number(least), Number(most ?? 0)) - 1);
    } else if (token === "(") {
      outer.push(sum);
      sum = 0;
    } else if (token === ")") {
      last = sum + 1;
      sum = last + (outer.pop() ?? 0);
    } else if (!"*+?|^$".includes(token)) {
      last = /\\p/i.test(token) ? UNICODE_CLASS_SIZE : 1;
      sum += last;
    }
  }
  return outer.reduce((all, part) => all + part, sum);
}
