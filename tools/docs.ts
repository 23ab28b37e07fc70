// Writes the documents that are made from tables: node tools/docs.ts [--check]
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cliPage } from "./docs/cli-page.ts";
import { configPage } from "./docs/config-page.ts";
import { errorsPage } from "./docs/errors-page.ts";
import { limitsPage } from "./docs/limits-page.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const PAGES = {
  "cli.md": cliPage,
  "config.md": configPage,
  "limits.md": limitsPage,
  "errors.md": errorsPage,
};

for (const [name, page] of Object.entries(PAGES)) {
  const file = join(ROOT, "docs", name);
  const text = page();
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
  } else if (text !== read(file)) {
    process.stdout.write(`docs/${name} is stale: run npm run gen\n`);
    process.exitCode = 1;
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
