import { create } from "@bufbuild/protobuf";
import {
  type TaskReport,
  TaskReport_AckSchema,
  TaskReport_CompleteSchema,
  TaskReport_ReleaseSchema,
  type TaskReportResultSchema,
  TaskReportSchema,
  type TaskService,
} from "../../gen/opscore/v1/task_pb.ts";
import type { Engine } from "../engine/engine.ts";
import type { TaskReceipt } from "../engine/tasks.ts";
import { eachItem } from "./batch.ts";
import type { Call, Handlers } from "./call.ts";
import { callerOf } from "./caller.ts";
import { type Init, required } from "./convert.ts";
import { fromTaskReport, toReceipt } from "./convert-task.ts";
import { toItemError } from "./errors.ts";
import { validItem } from "./validate-item.ts";

type Reports = Pick<
  Handlers<typeof TaskService>,
  "ackTask" | "completeTask" | "failTask" | "releaseTask" | "reportTasks"
>;

type Reported = Pick<TaskReport, "taskId" | "leaseEpoch" | "report">;

/** What agents report about their tasks. One report is a batch of one. */
export function taskReports(engine: Engine): Reports {
  const answer = async (reported: Reported, call: Call) => ({
    receipt: toReceipt(await reportOne(engine, reported, "", call)),
  });
  return {
    ackTask: ({ taskId, leaseEpoch }, call) => {
      const value = create(TaskReport_AckSchema);
      return answer({ taskId, leaseEpoch, report: { case: "ack", value } }, call);
    },
    completeTask: ({ taskId, leaseEpoch, output }, call) => {
      const value = create(TaskReport_CompleteSchema, { ...(output && { output }) });
      return answer({ taskId, leaseEpoch, report: { case: "complete", value } }, call);
    },
    failTask: ({ taskId, leaseEpoch, fail }, call) => {
      const value = required(fail, "/fail");
      return answer({ taskId, leaseEpoch, report: { case: "fail", value } }, call);
    },
    releaseTask: ({ taskId, leaseEpoch, release }, call) => {
      const value = release ?? create(TaskReport_ReleaseSchema);
      return answer({ taskId, leaseEpoch, report: { case: "release", value } }, call);
    },
    reportTasks: async ({ reports }, call) => ({ results: await reportAll(engine, reports, call) }),
  };
}

/** An agent must hold the lease itself; in local mode the lease epoch alone fences. */
async function reportOne(
  { tasks, limits }: Engine,
  reported: Reported,
  pointer: string,
  call: Call,
): Promise<TaskReceipt> {
  const report = fromTaskReport(reported, pointer, limits);
  return tasks.report(callerOf(call), call.principal.agentId, report);
}

/** Reports of a batch: those of one task in order, each refused alone. */
export function reportAll(
  engine: Engine,
  reports: readonly TaskReport[],
  call: Call,
): Promise<Result[]> {
  return eachItem(
    reports,
    ({ taskId }) => taskId,
    async (item, index): Promise<Result> => {
      const pointer = `/reports/${index}`;
      const { reportSeq, taskId } = validItem(TaskReportSchema, item, pointer);
      const value = toReceipt(await reportOne(engine, item, pointer, call));
      return { reportSeq, taskId, result: { case: "receipt", value } };
    },
    (error, { reportSeq, taskId }) => {
      return { reportSeq, taskId, result: { case: "error", value: toItemError(error) } };
    },
  );
}

type Result = Init<typeof TaskReportResultSchema>;
