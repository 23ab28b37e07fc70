import { setTimeout } from "node:timers/promises";
import type { Logger } from "pino";
import type { RunEntryBody, TaskChange } from "../core/run.ts";
import { isHeld } from "../core/task-states.ts";
import type { Entry, Store } from "../store/store.ts";
import type { Directive } from "./agents.ts";
import { follow, type Page } from "./follow.ts";
import type { Lines } from "./lines.ts";

const PAGE = 256;
const IDLE_MS = 60_000;
const AGAIN_MS = 500;

/**
 * Keeps the open lines of this process true to the journal of runs, until
 * `signal` aborts: slots are taken and freed, and cancellations are said, by
 * whichever process made them. One reader for all lines; after an error it goes
 * on where it was, so no end of a lease is missed.
 */
export async function watchLeases(
  store: Store,
  lines: Lines,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let after = await store.head("runs");
  while (!signal.aborted) {
    try {
      for await (const page of follow(store, "runs", {
        after,
        limit: PAGE,
        idleMs: IDLE_MS,
        signal,
      })) {
        hearPage(lines, page);
        after = page.through;
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ err: error }, "following the leases failed, trying again");
      await setTimeout(AGAIN_MS);
    }
  }
}

function hearPage(lines: Lines, page: Page): void {
  if (page.type !== "entries" || lines.empty) return;
  for (const entry of page.entries) hear(lines, entry);
}

function hear(lines: Lines, { ns, body, atMs }: Entry): void {
  const { event } = JSON.parse(body) as RunEntryBody;
  if (event.type !== "task_changed" || event.agentId === undefined) return;
  const slots = lines.slotsOf(ns, event.agentId);
  if (slots === undefined) return;
  if (isHeld({ state: event.to })) slots.hold(event.taskId);
  else {
    slots.drop(event.taskId, atMs);
    lines.ring();
  }
  const directive = directiveOf(event);
  if (directive === undefined) return;
  const open = lines.of(ns, event.agentId);
  open.find(({ options }) => options.sessionId === event.sessionId)?.direct([directive]);
}

/** What a holder must hear of a change to its task. */
function directiveOf({ from, to, taskId, leaseEpoch, cancel }: TaskChange): Directive | undefined {
  if (cancel !== undefined) return { type: "cancel_task", taskId, leaseEpoch, ...cancel };
  const wasHeld = from !== undefined && isHeld({ state: from });
  if (wasHeld && to === "cancelled") {
    return { type: "drop_task", taskId, leaseEpoch, reason: "the task was cancelled" };
  }
  return undefined;
}
