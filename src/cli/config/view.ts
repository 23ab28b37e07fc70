import { command } from "../command.ts";
import type { View } from "../output/view.ts";

interface Setting {
  readonly setting: string;
  readonly value: string;
  readonly source: string;
}

const settings: View<Setting> = {
  noun: "setting",
  id: ({ setting }) => setting,
  columns: [
    { head: "SETTING", field: "setting" },
    { head: "VALUE", field: "value" },
    { head: "SOURCE", field: "source" },
  ],
};

/** In the place of a secret. */
const HIDDEN = "(set)";

export const configView = command({
  path: "config view",
  summary: "the settings of this command line, and where each comes from",
  prints: settings,
  examples: [
    {
      run: "opscore config view",
      shows: /server +http\S+ +OPSCORE_URL\n(.*\n)*output +table +default\n/,
    },
    {
      run: "opscore config view -n staging -o jsonl",
      shows: /"value":"staging","source":"--namespace"/,
    },
  ],
  async run(context) {
    const rows = Object.entries(context.sources).map(([setting, { text, source }]) => ({
      setting,
      value: text === undefined ? "" : setting === "token" ? HIDDEN : text,
      source,
    }));
    await context.print.all(rows);
  },
});
