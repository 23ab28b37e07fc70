import type { Severity } from "../../../gen/opscore/v1/logging_pb.ts";
import { CliError } from "../cli-error.ts";
import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import type { View } from "../output/view.ts";
import { jsonOrText, parsePair } from "../values.ts";
import { LEVEL_NAMES, severityOf } from "./levels.ts";

interface Written {
  readonly accepted: number;
  readonly dropped: number;
}

const written: View<Written> = {
  noun: "entry",
  plural: "entries",
  id: ({ accepted }) => String(accepted),
  columns: [
    { head: "ACCEPTED", field: "accepted" },
    { head: "DROPPED", field: "dropped" },
  ],
};

export const logWrite = command({
  path: "log write",
  summary: "log one entry",
  description:
    "Log one entry, for scripts and people. It answers once the entry is on disk. A value of an attribute that is JSON is taken as such.",
  arguments: { message: { about: "what happened" } },
  options: {
    level: { value: "LEVEL", about: "how severe", choices: LEVEL_NAMES, default: "INFO" },
    operation: {
      value: "NAME",
      about: "what was done, a dotted lower-case name",
      default: "log.write",
    },
    agent: { value: "AGENT", about: "about this agent" },
    run: { value: "RUN", about: "about this run" },
    task: { value: "TASK", about: "about this task" },
    attribute: {
      value: "KEY=VALUE",
      about: "more about it; may be given again",
      short: "a",
      many: true,
      parse: parsePair,
    },
  },
  prints: written,
  examples: [
    { run: "opscore log write 'night shift begins'", shows: /ACCEPTED +1\n/ },
    {
      run: "opscore log write 'restarted by hand' --level warn --agent writer -a ticket=42 -q && opscore logs --tail 1",
      about: "about an agent, with attributes",
      shows: /WARN +writer +log\.write +restarted by hand +ticket=42/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, { message, level, operation, agent = "", run = "", task = "", attribute }) {
    const logging = await context.ops.logging();
    const { LogDurability } = await import("../../../gen/opscore/v1/logging_pb.ts");
    const { accepted, dropped, rejections } = await logging.logOperations({
      entries: [
        {
          operation,
          severity: severityOf(level) as Severity,
          message,
          agentId: agent,
          runId: run,
          taskId: task,
          attributes: Object.fromEntries(attribute.map(([key, value]) => [key, jsonOrText(value)])),
        },
      ],
      durability: LogDurability.COMMITTED,
    });
    const [rejection] = rejections;
    if (rejection !== undefined) {
      throw new CliError("usage", rejection.error?.message ?? "the entry was refused");
    }
    await context.print.one({ accepted, dropped });
  },
});
