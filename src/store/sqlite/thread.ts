import { parentPort, Worker } from "node:worker_threads";
import { fromPlain, type PlainError, toPlain } from "./plain-error.ts";

/** What can be called in another thread: functions of plain data. */
export interface Api {
  readonly [name: string]: (...args: never[]) => unknown;
  /** The last call. */
  readonly close: () => unknown;
}

/** The same functions as seen from outside: each answers later. */
export interface Remote<A extends Api> {
  /** Ends the thread, after what it was asked before. */
  close(): Promise<void>;
  call<K extends keyof A & string>(
    name: K,
    ...args: Parameters<A[K]>
  ): Promise<Awaited<ReturnType<A[K]>>>;
}

type Request = readonly [id: number, name: string, args: readonly unknown[]];
/** Id 0 says that the thread is ready, or why it cannot be; no id is a notice. */
interface Answer {
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: PlainError;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export interface ThreadOptions {
  readonly url: URL;
  readonly data: unknown;
  /** Hears what the thread says unasked. */
  readonly onNotice?: () => void;
  /** Hears that the thread ended by itself. */
  readonly onDeath: (error: Error) => void;
}

/** Starts a thread that serves `A`; resolves when it is ready. @throws what its start throws. */
export async function startThread<A extends Api>(options: ThreadOptions): Promise<Remote<A>> {
  const worker = new Worker(options.url, { workerData: options.data, execArgv: [] });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let ended: Error | undefined;

  function end(error: Error): void {
    ended ??= error;
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  }

  function answered(id: number): Promise<never> {
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    pending.set(id, { resolve, reject });
    return promise;
  }

  worker.on("message", ({ id, value, error }: Answer) => {
    if (id === undefined) return options.onNotice?.();
    const waiting = pending.get(id);
    pending.delete(id);
    if (error === undefined) waiting?.resolve(value as never);
    else waiting?.reject(fromPlain(error));
  });
  worker.on("error", (error: Error) => {
    if (ended === undefined) options.onDeath(error);
    end(error);
  });
  worker.on("exit", () => end(new Error("the thread of the store has ended")));

  await answered(0);
  function ask(name: string, args: readonly unknown[]): Promise<never> {
    if (ended !== undefined) return Promise.reject(ended);
    const id = ++lastId;
    const answer = answered(id);
    worker.postMessage([id, name, args] satisfies Request);
    return answer;
  }

  return {
    call: (name, ...args) => ask(name, args),
    async close() {
      if (ended === undefined) await ask("close", []);
    },
  };
}

/** The same thread, started when it is needed first. */
export function lazily<A extends Api>(start: () => Promise<Remote<A>>): Remote<A> {
  let started: Promise<Remote<A>> | undefined;
  return {
    async call(name, ...args) {
      started ??= start().catch((error: unknown) => {
        // The next call tries again.
        started = undefined;
        throw error;
      });
      return (await (await started).call(name, ...args)) as never;
    },
    async close() {
      // If it cannot start, its caller is told; then there is nothing to close.
      const thread = await started?.catch(() => undefined);
      await thread?.close();
    },
  };
}

/** Serves the functions that `create` makes to the thread that started this one. */
export function serve(create: () => Api): void {
  const port = parentPort;
  if (port === null) throw new Error("this file is a thread of the store");
  const post = (answer: Answer): void => port.postMessage(answer);
  let api: Api;
  try {
    api = create();
  } catch (error) {
    post({ id: 0, error: toPlain(error) });
    return;
  }
  const answering = new Set<Promise<void>>();
  const answer = async ([id, name, args]: Request): Promise<void> => {
    try {
      const value = await api[name]?.(...(args as never[]));
      if (name === "close") await Promise.all(answering);
      post({ id, value });
    } catch (error) {
      post({ id, error: toPlain(error) });
    }
    if (name === "close") port.close();
  };
  port.on("message", (request: Request) => {
    const answered = answer(request);
    if (request[1] === "close") return;
    answering.add(answered);
    void answered.then(() => answering.delete(answered));
  });
  post({ id: 0 });
}

/** Says something unasked to the thread that started this one. */
export function notify(): void {
  parentPort?.postMessage({} satisfies Answer);
}

/** The same functions without a thread. */
export function inline<A extends Api>(api: A): Remote<A> {
  return {
    call: async (name, ...args) => (await api[name]?.(...args)) as never,
    close: async () => void (await api.close()),
  };
}
