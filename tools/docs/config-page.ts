import { flagOf, SETTINGS, type Setting, variableOf } from "../../src/config-table.ts";
import { code, heading, table } from "./markdown.ts";

/** docs/config.md: every setting but the limits. */
export function configPage(): string {
  const rows = Object.entries<Setting>(SETTINGS).map(([name, setting]) => [
    setting.only === "flag" ? "" : code(variableOf(name)),
    setting.only === "variable" ? "" : code(flagOf(name, setting)),
    setting.default === undefined ? "" : code(setting.default),
    setting.value === undefined ? setting.about : `${setting.about}. Must be ${setting.allowed}`,
  ]);
  return `${heading("Settings", "src/config-table.ts")}
The server reads its settings once, at the start: a flag of \`opscore serve\` wins over its variable,
a variable over the default. A variable that begins with \`OPSCORE_\` and is no setting, an empty value and
a malformed one stop the start with one line and exit code 78. Variables of clients (\`OPSCORE_URL\`,
\`OPSCORE_TOKEN\`, …), of tests (\`OPSCORE_TEST_…\`, \`OPSCORE_FAILPOINT\`) and the ones that Kubernetes sets for a
service named opscore are left alone.

${table(["variable", "flag", "default", "what it is"], rows)}
Every limit is a setting too: \`OPSCORE_LIMIT_<NAME>\`, \`--limit-<name>\`. [limits.md](limits.md) lists them.

## Who can reach the server

| address | Host must be | API key | TLS |
| --- | --- | --- | --- |
| loopback (127.0.0.0/8, ::1, localhost) | localhost, a loopback address, or an allowed host | asked for if keys are set | used if set |
| any other | any valid name, or an allowed host if some are set | must be set, or \`--insecure-no-auth\` | must be set, or \`--insecure-no-tls\` |

The insecure flags have no variable, so nothing that a shell or a platform left behind can open the server, and
each of them is logged as a warning at every start. API keys are not a flag, since other users of a machine
can read the command lines of its processes.

A key \`user:NAME=SECRET\` may do everything in its namespaces; \`agent:ID=SECRET\` acts only for that agent.
Two keys may name the same principal, so that a secret can be replaced without a gap:

    # keys.txt
    user:ana=Zo6Tn0fEo3nOYpVJ@default+staging
    agent:writer-1=b8yJ1mXbJwB2bX4e
`;
}
