/** What one side of a two-way stream says: an iterable that is fed. */
export class Feed<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #ring = () => {};
  #over = false;

  push(item: T): void {
    this.#waiting.push(item);
    this.#ring();
  }

  end(): void {
    this.#over = true;
    this.#ring();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#waiting.shift();
      if (item !== undefined) yield item;
      else if (this.#over) return;
      else {
        await new Promise<void>((resolve) => {
          this.#ring = resolve;
        });
      }
    }
  }
}

export async function gather<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
