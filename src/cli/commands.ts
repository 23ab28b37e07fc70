import { agentDeregister } from "./agent/deregister.ts";
import { agentGet } from "./agent/get.ts";
import { agentHistory } from "./agent/history.ts";
import { agentList } from "./agent/list.ts";
import { agentRegister } from "./agent/register.ts";
import { agentSetState } from "./agent/set-state.ts";
import { agentWatch } from "./agent/watch.ts";
import { apiCommand } from "./api/call.ts";
import type { Command, Groups } from "./command.ts";
import { completionCommand } from "./completion/command.ts";
import { configPath } from "./config/path.ts";
import { configSet } from "./config/set.ts";
import { configView } from "./config/view.ts";
import { dbVerify } from "./db/verify.ts";
import { logsCommand } from "./logs/show.ts";
import { logWrite } from "./logs/write.ts";
import { runCancel } from "./run/cancel.ts";
import { runEvents } from "./run/events.ts";
import { runGet } from "./run/get.ts";
import { runList } from "./run/list.ts";
import { runStart } from "./run/start.ts";
import { runWait } from "./run/wait.ts";
import { runWatch } from "./run/watch.ts";
import { devCommand } from "./server/dev.ts";
import { serveCommand } from "./server/serve-command.ts";
import { sessionList } from "./session/list.ts";
import { statusCommand } from "./status.ts";
import { taskGet } from "./task/get.ts";
import { taskList } from "./task/list.ts";
import { templateApply } from "./template/apply.ts";
import { templateGet } from "./template/get.ts";
import { templateList } from "./template/list.ts";
import { templateValidate } from "./template/validate.ts";
import { versionCommand } from "./version.ts";

/** Every command, in the order of help and docs/cli.md. Adding one is a module and its line here. */
export const COMMANDS: readonly Command[] = [
  devCommand,
  serveCommand,
  statusCommand,
  agentList,
  agentGet,
  agentWatch,
  agentHistory,
  agentRegister,
  agentDeregister,
  agentSetState,
  sessionList,
  templateApply,
  templateValidate,
  templateList,
  templateGet,
  runStart,
  runGet,
  runList,
  runWatch,
  runWait,
  runCancel,
  runEvents,
  taskList,
  taskGet,
  logsCommand,
  logWrite,
  apiCommand,
  dbVerify,
  configView,
  configSet,
  configPath,
  completionCommand(() => ({ commands: COMMANDS, groups: GROUPS })),
  versionCommand,
];

/** Every noun that has verbs. */
export const GROUPS: Groups = {
  agent: {
    summary: "who the agents are, what they say and whether they live",
    aliases: ["agents"],
  },
  session: { summary: "the incarnations of agents", aliases: ["sessions"] },
  template: { summary: "what runs follow", aliases: ["templates"] },
  run: { summary: "what was started of templates, and what comes of it", aliases: ["runs"] },
  task: { summary: "the work that runs hand to agents", aliases: ["tasks"] },
  log: { summary: "write to the log" },
  db: { summary: "the store of a server that is stopped" },
  config: { summary: "the settings of this command line" },
};
