import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { tasks } from "./view.ts";

export const taskGet = command({
  path: "task get",
  summary: "one task in full",
  arguments: { task: { about: "its id, or the beginning of it" } },
  prints: tasks,
  examples: [
    {
      run: "opscore task get $(opscore task list --run report-1 -o id)",
      shows: /STATE +QUEUED\nRUN +report-1\nSTEP +search\n(.*\n)*INPUT +\{"topic":"tea"\}\n/,
    },
    { run: "opscore task get 0000", shows: /no task "0000" \(TASK_NOT_FOUND\)/, exit: "notFound" },
  ],
  exits: [...CALL_EXITS, "notFound"],
  async run(context, { task }) {
    const workflow = await context.ops.workflow();
    const found = await byId(tasks, context.ops, task, (taskId) => workflow.getTask({ taskId }));
    if (found.task !== undefined) await context.print.one(found.task);
  },
});
