import { VERSION } from "../version.ts";
import { command } from "./command.ts";
import type { View } from "./output/view.ts";

interface Version {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
}

const versions: View<Version> = {
  noun: "version",
  id: ({ version }) => version,
  columns: [
    { head: "OPSCORE", field: "version" },
    { head: "NODE", field: "node" },
    { head: "PLATFORM", field: "platform" },
  ],
};

export const versionCommand = command({
  path: "version",
  summary: "version of this program; `opscore status` has that of the server",
  prints: versions,
  examples: [
    { run: "opscore version", shows: /^OPSCORE +\d+\.\d+\.\d+\nNODE +v\d+/ },
    { run: "opscore version -o id", shows: /^\d+\.\d+\.\d+\n$/ },
  ],
  async run(context) {
    const platform = `${process.platform} ${process.arch}`;
    await context.print.one({ version: VERSION, node: process.version, platform });
  },
});
