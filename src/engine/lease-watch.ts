import { setTimeout } from "node:timers/promises";
import type { Logger } from "pino";
import type { AgentEntryBody } from "../core/agent.ts";
import { evolveAgent } from "../core/agent-fold.ts";
import type { RunEntryBody, TaskChange } from "../core/run.ts";
import { isHeld } from "../core/task-states.ts";
import type { Entry, Store } from "../store/store.ts";
import type { Directive } from "./agents.ts";
import { follow, type Page } from "./follow.ts";
import type { Lines } from "./lines.ts";

const PACE = { limit: 256, idleMs: 60_000 } as const;
const AGAIN_MS = 500;

/**
 * Keeps the open lines of this process true to the journals, until `signal` aborts: slots are taken
 * and freed, cancellations are said, agents are known as they are and lines end with their session, by
 * whichever process it was done. One reader of each journal for all lines; after an error it goes
 * on where it was, so no end of a lease is missed.
 */
export async function watchLeases(
  store: Store,
  lines: Lines,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const watch = async (journal: "runs" | "agents", hear: (lines: Lines, entry: Entry) => void) => {
    let after = await store.head(journal);
    while (!signal.aborted) {
      try {
        for await (const page of follow(store, journal, { after, ...PACE, signal })) {
          hearPage(lines, page, hear);
          after = page.through;
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.error({ err: error, journal }, "keeping the lines true failed, trying again");
        await setTimeout(AGAIN_MS);
      }
    }
  };
  await Promise.all([watch("runs", hearTask), watch("agents", hearAgent)]);
}

function hearPage(lines: Lines, page: Page, hear: (lines: Lines, entry: Entry) => void): void {
  if (page.type !== "entries" || lines.empty) return;
  for (const entry of page.entries) hear(lines, entry);
}

function hearAgent(lines: Lines, { ns, id, body, atMs }: Entry): void {
  const { event } = JSON.parse(body) as AgentEntryBody;
  for (const line of lines.of(ns, id)) {
    line.agent = evolveAgent(line.agent, event, atMs);
    if (event.type === "session_closed" && event.sessionId === line.options.sessionId) {
      line.replace();
    }
  }
  if (event.type === "updated") lines.ring();
}

function hearTask(lines: Lines, { ns, body, atMs }: Entry): void {
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
