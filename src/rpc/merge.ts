/** What came from one of two sources; `done`: it has ended. */
export type Merged<A, B> =
  | { readonly from: "a"; readonly item: A }
  | { readonly from: "b"; readonly item: B }
  | { readonly from: "a" | "b"; readonly done: true };

/**
 * Items of two sources as they come. A source is asked for its next item only
 * when the one before has been worked on, so both wait for a slow reader. An
 * error of either ends both; so does leaving.
 */
export async function* merge<A, B>(
  a: AsyncIterable<A>,
  b: AsyncIterable<B>,
): AsyncGenerator<Merged<A, B>> {
  const iterators = { a: a[Symbol.asyncIterator](), b: b[Symbol.asyncIterator]() };
  const arrived: Arrival[] = [];
  let ring = () => {};
  const pull = (from: "a" | "b") => {
    iterators[from].next().then(
      (result) => arrive({ from, result }),
      (error: unknown) => arrive({ from, error }),
    );
  };
  const arrive = (arrival: Arrival) => {
    arrived.push(arrival);
    ring();
  };
  pull("a");
  pull("b");
  try {
    for (let open = 2; open > 0; ) {
      const arrival = arrived.shift();
      if (arrival === undefined) {
        await new Promise<void>((resolve) => {
          ring = resolve;
        });
        continue;
      }
      if ("error" in arrival) throw arrival.error;
      const { from, result } = arrival;
      if (result.done === true) {
        open--;
        yield { from, done: true };
        continue;
      }
      yield { from, item: result.value } as Merged<A, B>;
      pull(from);
    }
  } finally {
    // Not awaited: a source that is waiting ends when its own signal aborts.
    void iterators.a.return?.()?.catch(() => {});
    void iterators.b.return?.()?.catch(() => {});
  }
}

type Arrival =
  | { readonly from: "a" | "b"; readonly result: IteratorResult<unknown> }
  | { readonly from: "a" | "b"; readonly error: unknown };
