import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createApp } from "../../src/app.ts";
import { type Flags, readConfig } from "../../src/config.ts";

/** A whole server in this process, and a look behind it: what it keeps and what its log says. */
export interface Target extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Lines of its log that are warnings or worse, since the last look. */
  complaints(): readonly string[];
  /** Changes whenever the store writes anything; seen from beside the server, in its files. */
  written(): string;
}

export async function openTarget(flags: Flags = {}): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "opscore-fuzz-"));
  const lines: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  const config = readConfig({ port: "0", store: `sqlite:${folder}`, ...flags }, {});
  const app = await createApp(config, logger);
  await app.listen();
  return {
    url: app.url,
    port: Number(new URL(app.url).port),
    complaints: () => lines.splice(0),
    written: () => look(folder),
    async [Symbol.asyncDispose]() {
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Size and last write of every write-ahead log: nothing is committed without a trace there. */
function look(folder: string): string {
  const files = readdirSync(folder, { recursive: true }).map(String).sort();
  const states = files
    .filter((file) => file.endsWith("-wal"))
    .map((file) => {
      const { size, mtimeNs } = statSync(join(folder, file), { bigint: true });
      return `${file} ${size} ${mtimeNs}`;
    });
  return states.join("\n");
}
