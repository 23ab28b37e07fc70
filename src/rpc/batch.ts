import { Refused } from "../core/errors.ts";

/**
 * Works on the items of a batch: those with the same key in order, the others
 * side by side. Results come in the order of the items; a refusal is the result
 * of its item alone.
 */
export function eachItem<T, R>(
  items: readonly T[],
  keyOf: (item: T, index: number) => string,
  work: (item: T, index: number) => Promise<R>,
  refused: (error: Refused, item: T) => R,
): Promise<R[]> {
  const tails = new Map<string, Promise<unknown>>();
  return Promise.all(
    items.map((item, index) => {
      const key = keyOf(item, index);
      const result = orRefusal(
        tails.get(key),
        () => work(item, index),
        (error) => refused(error, item),
      );
      tails.set(key, result);
      return result;
    }),
  );
}

async function orRefusal<R>(
  before: Promise<unknown> | undefined,
  work: () => Promise<R>,
  refused: (error: Refused) => R,
): Promise<R> {
  await before;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refused(error);
  }
}
