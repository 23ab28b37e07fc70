import { command } from "../command.ts";
import type { View } from "../output/view.ts";

/** Something in the store that is not as it was written. */
interface Problem {
  readonly file: string;
  readonly table?: string;
  readonly key?: string;
  readonly message: string;
}

const problems: View<Problem> = {
  noun: "problem",
  id: ({ file, table = "", key = "" }) => [file, table, key].filter(Boolean).join(":"),
  columns: [
    { head: "FILE", field: "file" },
    { head: "TABLE", field: "table" },
    { head: "KEY", field: "key" },
    { head: "PROBLEM", field: "message" },
  ],
};

export const dbVerify = command({
  path: "db verify",
  summary: "check everything that a stopped server keeps",
  description:
    "Check everything that a stopped server keeps: every file, every row's checksum, the hash chain of every agent and run, every position. It only reads. Exit 1 when something is not as it was written.",
  options: {
    store: { value: "STORE", about: "which store (default OPSCORE_STORE, else sqlite:./.opscore)" },
  },
  prints: problems,
  examples: [
    {
      run: "timeout -s INT 3 opscore serve --store sqlite:./store --port 0 --log-level warn; opscore db verify --store sqlite:./store",
      shows: /no problem in \d+ rows\n$/,
    },
    {
      run: "opscore db verify --store sqlite:./nowhere",
      about: "there must be one",
      shows: /nowhere/,
      exit: "failure",
    },
  ],
  exits: ["config"],
  isOffline: true,
  async run(context, { store }) {
    const [{ readConfig }, { verifyStore }] = await Promise.all([
      import("../../config.ts"),
      import("../../app-verify.ts"),
    ]);
    const found: Problem[] = [];
    const rows = new Map<string, number>();
    for (const finding of verifyStore(readConfig({ store }).store)) {
      if (finding.type === "problem") {
        const { type: _, ...problem } = finding;
        found.push(problem);
      } else {
        rows.set(`${finding.file} ${finding.table}`, finding.rows);
        context.hint(`${finding.file} ${finding.table}: ${finding.rows} rows`);
      }
      context.signal.throwIfAborted();
    }
    const total = [...rows.values()].reduce((sum, one) => sum + one, 0);
    if (found.length === 0) {
      context.note(`no problem in ${total} rows`);
      return "ok";
    }
    await context.print.all(found);
    context.note(`${found.length} problems in ${total} rows`);
    return "failure";
  },
});
