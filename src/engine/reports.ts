import { canonicalJson } from "../core/canonical-json.ts";
import { Refused } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Task, TaskCommand } from "../core/task.ts";
import { leaseTimerAtMs } from "../core/task-times.ts";
import type { Advance } from "./advance.ts";
import type { Beats } from "./beats.ts";
import type { Caller } from "./caller.ts";
import type { Changes } from "./changes.ts";
import { sha256 } from "./digest.ts";
import type { HandOut } from "./hand-out.ts";
import { jitter } from "./ids.ts";
import { taskKey } from "./keys.ts";
import type { TaskReceipt, TaskReport, Tasks } from "./tasks.ts";

export interface ReportDeps {
  readonly changes: Changes;
  readonly advance: Advance;
  readonly handOut: HandOut;
  readonly beats: Beats;
}

/** Takes reports of agents about their tasks: one commit each, with all that follows from it. */
export function createReports({ changes, advance, handOut, beats }: ReportDeps): Tasks["report"] {
  async function runOf(ns: string, taskId: string): Promise<string> {
    const draft = changes.draft(ns);
    await draft.load(taskKey(ns, taskId));
    const task = draft.get<Task>(taskKey(ns, taskId));
    if (task === undefined) throw new Refused({ code: "not_found", what: "task", id: taskId });
    return task.runId;
  }

  return async (caller, agentId, report) => {
    const { taskId, leaseEpoch } = report;
    const runId = await runOf(caller.ns, taskId);
    // The lock of the run: the ends of its tasks all meet in it.
    return changes.change(`run/${caller.ns}/${runId}`, async (attempt) => {
      const draft = changes.draft(caller.ns);
      const key = taskKey(caller.ns, taskId);
      await draft.load(key);
      const before = draft.get<Task>(key);
      if (before === undefined) throw new Refused({ code: "not_found", what: "task", id: taskId });
      refuseForeign(before, leaseEpoch, agentId);
      const by = actorOf(caller, before);
      const output = report.report.type === "complete" ? report.report.output : undefined;
      const { disposition } = await advance.task(draft, taskId, toCommand(report), by, output);
      const after = draft.get<Task>(key) ?? before;
      if (before.lease !== undefined) beats.offersArrive(before.lease.sessionId);
      const handed = await handOut(draft, attempt);
      return { ...draft.toChange(), ...handed, result: toReceipt(after, disposition) };
    });
  };
}

/** An agent may report for the lease it holds. Without a credential of an agent, the epoch alone fences. */
function refuseForeign(task: Task, leaseEpoch: number, agentId: string | undefined): void {
  if (agentId === undefined || task.leaseEpoch !== leaseEpoch || task.agentId === agentId) return;
  throw new Refused({
    code: "identity_mismatch",
    principal: `agent:${agentId}`,
    agentId: task.agentId ?? "",
  });
}

/** The history names the agent that holds the task, whoever carried its report here. */
function actorOf(caller: Caller, { agentId }: Task): Caller {
  return agentId === undefined ? caller : { ...caller, actor: `agent:${agentId}` };
}

function toCommand({ leaseEpoch, report }: TaskReport): TaskCommand {
  switch (report.type) {
    case "ack":
      return { type: "ack", leaseEpoch };
    case "complete":
      return { type: "complete", leaseEpoch, hash: hashOf(report.output ?? null) };
    case "fail": {
      const { failure } = report;
      return { type: "fail", leaseEpoch, hash: hashOf({ ...failure }), failure, jitter: jitter() };
    }
    case "release": {
      const { notBeforeMs, reason } = report;
      const hash = hashOf({ reason });
      return { type: "release", leaseEpoch, hash, notBeforeMs, reason, jitter: jitter() };
    }
  }
}

/** Tells a repeated outcome from another one. */
function hashOf(outcome: unknown): string {
  return Buffer.from(sha256(canonicalJson(outcome as Json))).toString("hex");
}

function toReceipt(task: Task, disposition: TaskReceipt["disposition"]): TaskReceipt {
  const leaseUntilMs = leaseTimerAtMs(task);
  return {
    disposition,
    state: task.state,
    ...(leaseUntilMs !== undefined && { leaseUntilMs }),
    cancelRequested: task.cancel !== undefined,
  };
}
