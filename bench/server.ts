import { createApp } from "../src/app.ts";
import { readConfig } from "../src/config.ts";
import { createLogger } from "../src/logger.ts";
import { listenBare, wrappedEcho } from "./echo.ts";

/**
 * The server that is measured, as `opscore serve` makes it, with the echo beside
 * it. A process of its own, started by `target.ts`; answers every message after
 * it has collected its garbage, so that memory can be compared.
 */
const config = readConfig({});
const app = await createApp(config, createLogger(config.logLevel), [wrappedEcho()]);
await app.listen();
const bareUrl = await listenBare();

process.on("message", () => {
  globalThis.gc?.();
  process.send?.({});
});
process.once("disconnect", async () => {
  await app.close();
  process.exit();
});
process.send?.({ url: app.url, bareUrl });
