import { usage } from "../cli-error.ts";
import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { REQUEST_ID_OPTION } from "../options.ts";
import { parseLimit, parsePair } from "../values.ts";
import { agents } from "./view.ts";

export const agentRegister = command({
  path: "agent register",
  aliases: ["add"],
  summary: "register an agent, or replace its registration",
  description:
    "Register an agent, or replace its registration as a whole; the same again changes nothing. It opens no session: that is for the agent itself.",
  arguments: { agent: { about: "its id; without one, the server makes one", optional: true } },
  options: {
    capability: {
      value: "NAME[@VERSION]",
      about: "something it can do; may be given again",
      many: true,
      parse: parseCapability,
    },
    label: {
      value: "KEY=VALUE",
      about: "a label; may be given again",
      many: true,
      parse: parsePair,
    },
    slots: {
      value: "N",
      about: "tasks it takes at the same time",
      default: "1",
      parse: parseLimit,
    },
    agentVersion: { value: "VERSION", about: "version of the agent's own code" },
    displayName: { value: "TEXT", about: "name for people" },
    description: { value: "TEXT", about: "one paragraph for people" },
    requestId: REQUEST_ID_OPTION,
  },
  prints: agents,
  examples: [
    {
      run: "opscore agent register tester --capability test@2.1.0 --label team=core",
      shows: /AGENT +tester\n(.*\n)*CAPABILITIES +test@2\.1\.0\nLABELS +team=core\n/,
    },
    {
      run: "opscore agent register tester --capability test --slots 4 --dry-run",
      about: "what would be sent",
      shows: /"agentId": "tester"/,
    },
  ],
  exits: CALL_EXITS,
  async run(context, input) {
    const { agent = "", capability, label, slots, agentVersion = "", requestId = "" } = input;
    const { displayName = "", description = "" } = input;
    if (!Number.isFinite(slots)) throw usage("--slots must be a number");
    const lifecycle = await context.ops.lifecycle();
    const answer = await lifecycle.registerAgent({
      agentId: agent,
      spec: {
        displayName,
        description,
        version: agentVersion,
        capabilities: [...capability],
        labels: Object.fromEntries(label),
        slots,
      },
      requestId,
    });
    context.hint(answer.created ? "registered" : "registered before");
    if (answer.agent !== undefined) await context.print.one(answer.agent);
  },
});

function parseCapability(text: string): { readonly name: string; readonly version: string } {
  const at = text.indexOf("@");
  return at < 0
    ? { name: text, version: "" }
    : { name: text.slice(0, at), version: text.slice(at + 1) };
}
