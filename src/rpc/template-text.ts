import { Worker } from "node:worker_threads";
import type { ParsedText } from "./template-text-worker.ts";

/** Time of a processor that a text may take: on a busy machine the worker waits for its turn. */
const PARSE_MS = 1_000;
/** It is looked at so often while a text is read, and never waited for longer than so many times it. */
const LOOKS = 10;
const WAIT_FACTOR = 10;
/** The worker has this file's extension: it runs from source and from a build. */
const WORKER = new URL(`./template-text-worker${import.meta.url.slice(-3)}`, import.meta.url);

let warm: Promise<Worker> | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Reads YAML or JSON in a worker thread, one text at a time. The worker stays
 * for the next text and does not keep the process alive. One that needs more
 * than a second is ended: that is then the text's problem. It has no memory
 * limit of its own, because a thread that meets one can take the process along.
 */
export function parseTemplateText(text: string, limitMs = PARSE_MS): Promise<ParsedText> {
  const parsed = last.then(() => parseNow(text, limitMs));
  last = parsed.catch(() => undefined);
  return parsed;
}

async function parseNow(text: string, limitMs: number): Promise<ParsedText> {
  const starting = warm ?? startWorker();
  warm = starting;
  try {
    const worker = await starting;
    const parsed = await answerOf(worker, text, limitMs);
    if (parsed !== undefined) return parsed;
    warm = undefined;
    await worker.terminate();
  } catch (error) {
    warm = undefined;
    throw error;
  }
  const message = `The text cannot be read within ${limitMs} ms.`;
  return { problems: [{ code: "LIMIT_EXCEEDED", message, pointer: "", line: 1, column: 1 }] };
}

/** What the worker makes of a text; undefined when it fails or needs too long. */
async function answerOf(
  worker: Worker,
  text: string,
  limitMs: number,
): Promise<ParsedText | undefined> {
  const before = await worker.cpuUsage();
  const endMs = performance.now() + limitMs * WAIT_FACTOR;
  return await new Promise((resolve) => {
    const finish = (parsed?: ParsedText) => {
      clearInterval(looking);
      worker.off("message", finish).off("error", giveUp).unref();
      resolve(parsed);
    };
    const giveUp = () => finish();
    const looking = setInterval(() => {
      if (performance.now() >= endMs) return giveUp();
      worker.cpuUsage(before).then(({ user, system }) => {
        if (user + system >= limitMs * 1_000) giveUp();
      }, giveUp);
    }, limitMs / LOOKS);
    worker.once("message", finish).once("error", giveUp).ref();
    worker.postMessage(text);
  });
}

/** Its first message says that it is ready, so that the time to start does not count. */
function startWorker(): Promise<Worker> {
  const worker = new Worker(WORKER, { execArgv: [] });
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", () => resolve(worker.off("error", reject)));
  });
}
