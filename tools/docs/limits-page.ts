import { flagOf, limitSetting, type Setting, variableOf } from "../../src/config-table.ts";
import { printLimit } from "../../src/config-values.ts";
import { LIMITS, type Limit } from "../../src/core/limits.ts";
import { HTTP_LIMITS } from "../../src/rpc/http/limits.ts";
import { code, heading, table } from "./markdown.ts";

/** docs/limits.md: every limit, its default and the setting that changes it. */
export function limitsPage(): string {
  return `${heading("Limits", "src/core/limits.ts")}
Everything that a caller can make large, many or long has a limit. What meets one is refused as a whole with
TOO_LARGE, LIMIT_REACHED, RATE_LIMITED or OVERLOADED, and the error names the limit, its value and what the request
came to; the one exception is a log entry, which is cut and flagged. GetServerInfo lists the limits in force.

A limit is changed by its variable or by the flag of the same name (\`OPSCORE_LIMIT_LEASE_MS=1m\`,
\`--limit-lease-ms 1m\`). Times take ms, s, m, h and d, sizes KiB, MiB and GiB. Raise one with care: field rules
of the contract (docs of \`proto/\`) hold besides it.

${rows(LIMITS)}
The limits of the port, from \`src/rpc/http/limits.ts\`:

${rows(HTTP_LIMITS)}
## Why these numbers

- A frame or page stays well under 4 MiB, the largest message that gRPC clients take unless told otherwise.
- A payload of 256 KiB keeps a commit small enough to be grouped with others; larger results belong into a file
  or an object store, and their address into the payload.
- A long poll of 30 s and a word on a quiet stream every 10 s stay under the 60 s after which common proxies cut
  an idle connection.
- A lease of 30 s outlives three lost beats; one below 3 s would be lost to a slow disk.
- Answers are kept for a day for those who ask again with the same request_id, longer than any sane retry.
`;
}

function rows(limits: Readonly<Record<string, Limit>>): string {
  return table(
    ["name", "default", "what it bounds", "variable", "flag"],
    Object.entries(limits).map(([name, { value, unit, about }]) => {
      const setting = limitSetting(name);
      return [
        code(name),
        `${printLimit(value, unit)}${SHORT_UNITS[unit]}`,
        about,
        code(variableOf(setting)),
        code(flagOf(setting, NO_SWITCH)),
      ];
    }),
  );
}

const NO_SWITCH: Setting = { allowed: "", about: "" };

const SHORT_UNITS: Readonly<Record<Limit["unit"], string>> = {
  bytes: "",
  ms: "",
  items: "",
  levels: " levels",
  per_second: " per second",
};
