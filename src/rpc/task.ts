import type { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import type { Engine } from "../engine/engine.ts";
import type { Handlers } from "./call.ts";
import { callerOf, waitOf } from "./caller.ts";
import { toTime } from "./convert.ts";
import { fromHeld, toDirective } from "./convert-agent.ts";
import { toAssignment } from "./convert-task.ts";
import { taskReports } from "./task-reports.ts";
import { taskStreams } from "./task-streams.ts";

type Tasks = Handlers<typeof TaskService>;

/** The agents' side of tasks on the wire. */
export function taskHandlers(engine: Engine): Tasks {
  return { ...polls(engine), ...taskReports(engine), ...taskStreams(engine) };
}

function polls({ tasks, limits }: Engine): Pick<Tasks, "pollTasks"> {
  return {
    async pollTasks({ sessionId, epoch, maxTasks, wait, held, autoAck }, call) {
      const signal = AbortSignal.any([call.signal, waitOf(call, wait, limits)]);
      const answer = await tasks.poll(
        callerOf(call),
        {
          sessionId,
          epoch,
          autoAck,
          maxTasks: maxTasks === 0 ? 1 : maxTasks,
          held: held.map(fromHeld),
        },
        signal,
        call.signal,
      );
      return {
        assignments: answer.assignments.map(toAssignment),
        directives: answer.directives.map(toDirective),
        leaseExpireTime: toTime(answer.leaseUntilMs),
      };
    },
  };
}
