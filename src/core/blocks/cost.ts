/** What something can come to at most; the time is infinite when nothing bounds it. */
export interface Cost {
  readonly tasks: number;
  readonly attempts: number;
  readonly timeMs: number;
}

export const FREE: Cost = { tasks: 0, attempts: 0, timeMs: 0 };

/** One after the other. */
export function plus(a: Cost, b: Cost): Cost {
  return {
    tasks: a.tasks + b.tasks,
    attempts: a.attempts + b.attempts,
    timeMs: a.timeMs + b.timeMs,
  };
}
