import { command } from "../command.ts";
import { allOf, between, equals, oneOf } from "../filters.ts";
import { CALL_EXITS } from "../help.ts";
import { LIST_OPTIONS, SINCE_OPTION, UNTIL_OPTION } from "../options.ts";
import { pages } from "../pages.ts";
import { tasks } from "./view.ts";
import { TASK_STATES } from "./words.ts";

/** A task whose attempts are used up. */
const DEAD = "DEAD";

export const taskList = command({
  path: "task list",
  aliases: ["ls"],
  summary: "tasks, the newest first",
  options: {
    state: {
      value: "STATE",
      about: "only in this state; dead means that its attempts are used up",
      choices: [...TASK_STATES.slice(1), DEAD],
      many: true,
    },
    run: { value: "RUN", about: "only of this run" },
    agent: { value: "AGENT", about: "only with this agent, or with it last" },
    capability: { value: "NAME", about: "only for this capability" },
    since: SINCE_OPTION,
    until: UNTIL_OPTION,
    ...LIST_OPTIONS,
  },
  prints: tasks,
  examples: [
    { run: "opscore task list", shows: /QUEUED +report-1 +search +0\/5 +search/ },
    {
      run: "opscore tasks ls --run report-1 --state queued -o id",
      about: "ids for a script",
      shows: /^[0-9a-f-]{36}\n$/,
    },
    {
      run: "opscore task list --state dead --since 7d -o json",
      about: "dead letters of a week",
      shows: /^\[\]\n$/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { filter, state, run, agent, capability, since, until, limit, pageToken }) {
    const workflow = await context.ops.workflow();
    const wanted = allOf(
      filter,
      statesOf(state),
      equals("run_id", run),
      equals("agent_id", agent),
      equals("capability", capability),
      between("create_time", since, until),
    );
    await context.print.all(
      pages(
        async (pageSize, token) => {
          const page = await workflow.listTasks({ filter: wanted, pageSize, pageToken: token });
          return { items: page.tasks, next: page.nextPageToken };
        },
        { limit, pageToken },
        context.more,
      ),
    );
  },
});

function statesOf(states: readonly string[]): string | undefined {
  const dead = states.includes(DEAD) ? "failure.reason == 'ATTEMPTS_EXHAUSTED'" : undefined;
  const others = oneOf(
    "state",
    states.filter((state) => state !== DEAD),
  );
  return dead !== undefined && others !== undefined ? `(${others}) || ${dead}` : (others ?? dead);
}
