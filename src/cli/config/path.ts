import { command } from "../command.ts";
import { userFile } from "../environment.ts";

export const configPath = command({
  path: "config path",
  summary: "where your own settings are kept",
  examples: [{ run: "opscore config path", shows: /^\/.*opscore\/config\.yaml\n$/ }],
  isOffline: true,
  async run(context) {
    await context.write(`${userFile()}\n`);
  },
});
