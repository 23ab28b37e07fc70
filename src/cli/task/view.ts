import type { Task } from "../../../gen/opscore/v1/task_pb.ts";
import { beginsWith } from "../ids.ts";
import { payloadText } from "../output/payload.ts";
import type { View } from "../output/view.ts";

/** How tasks are shown. */
export const tasks: View<Task> = {
  noun: "task",
  schema: async () => (await import("../../../gen/opscore/v1/task_pb.ts")).TaskSchema,
  id: ({ taskId }) => taskId,
  tally: ["state"],
  ids: async (ops, prefix, max) => {
    const workflow = await ops.workflow();
    const page = await workflow.listTasks({ filter: beginsWith("task_id", prefix), pageSize: max });
    return page.tasks.map(({ taskId }) => taskId);
  },
  columns: [
    { head: "TASK", field: "taskId" },
    { head: "STATE", field: "state" },
    { head: "RUN", field: "runId" },
    { head: "STEP", field: "stepPath" },
    { head: "ATTEMPT", text: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}` },
    { head: "AGENT", field: "agentId" },
    { head: "CAPABILITY", field: "capability" },
    { head: "PROGRESS", text: progressOf },
    { head: "CREATED", field: "createTime" },
    { head: "STARTED", field: "startTime", wide: true },
    { head: "ENDED", field: "endTime", wide: true },
    { head: "NEXT ATTEMPT", field: "nextAttemptTime", wide: true },
    { head: "LEASE ENDS", field: "leaseExpireTime", wide: true },
    { head: "LEASE EPOCH", field: "leaseEpoch", wide: true },
    { head: "PRIORITY", field: "priority", wide: true },
    { head: "KEY", field: "taskKey", wide: true },
    { head: "INPUT", text: ({ input }) => payloadText(input), wide: true },
    { head: "OUTPUT", text: ({ output }) => payloadText(output), wide: true },
    { head: "FAILURE", text: failureOf },
  ],
};

/** `62% section 4/6`, as its agent says. */
export function progressOf({ progress }: Task): string {
  if (progress === undefined) return "";
  const { ratio, note } = progress;
  return [ratio > 0 ? `${Math.round(ratio * 100)}%` : "", note].filter(Boolean).join(" ");
}

function failureOf({ failure }: Task): string {
  return failure === undefined ? "" : `${failure.reason}: ${failure.message}`;
}
