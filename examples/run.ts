/** Runs one example by its name: `npm run example research-report`. */
const [name = ""] = process.argv.slice(2);
const EXAMPLES: Readonly<Record<string, () => Promise<{ main(): Promise<void> }>>> = {
  "research-report": () => import("./research-report/main.ts"),
};

const load = EXAMPLES[name];
if (load === undefined) {
  process.stderr.write(
    `Usage: npm run example NAME\n  NAME is one of: ${Object.keys(EXAMPLES).join(", ")}\n`,
  );
  process.exitCode = 2;
} else {
  const { main } = await load();
  await main();
}
