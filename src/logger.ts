import { type Logger, pino, stdTimeFunctions } from "pino";
import type { LogLevel } from "./config-values.ts";

/** Names under which a credential could slip into a line, at the top or one level down. */
const SECRETS = ["authorization", "cookie", "secret", "token", "apiKey", "apiKeys"];

/** The server's own log: JSON lines on standard output, written before the call returns. */
export function createLogger(level: LogLevel): Logger {
  return pino({
    level,
    base: null, // Process and host are known to whoever collects the lines.
    timestamp: stdTimeFunctions.isoTime,
    redact: {
      paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: "[redacted]",
    },
    formatters: { level: (label) => ({ level: label }) },
  });
}
