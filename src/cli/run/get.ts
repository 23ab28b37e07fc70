import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { runs } from "./view.ts";

export const runGet = command({
  path: "run get",
  summary: "one run in full, with its steps",
  arguments: { run: { about: "its id, or the beginning of it" } },
  prints: runs,
  examples: [
    {
      run: "opscore run get report-1",
      shows:
        /RUN +report-1\nSTATE +RUNNING\n(.*\n)*\n ○ search +\S+ +waiting for an agent\n ○ draft\n/,
    },
    {
      run: "opscore run get sum --json state,output",
      about: "what came of it",
      shows: /"RUN_STATE_SUCCEEDED",\n +"output": \{\n +"json": \{\n +"total": 3/,
    },
    {
      run: "opscore run get repotr-1",
      shows: /no run "repotr-1" \(RUN_NOT_FOUND\)\nhint: did you mean report-1\?/,
      exit: "notFound",
    },
  ],
  exits: [...CALL_EXITS, "notFound"],
  async run(context, { run }) {
    const workflow = await context.ops.workflow();
    const { View } = await import("../../../gen/opscore/v1/workflow_pb.ts");
    const found = await byId(runs, context.ops, run, (runId) =>
      workflow.getRun({ runId, view: View.FULL }),
    );
    if (found.run !== undefined) await context.print.one(found.run);
  },
});
