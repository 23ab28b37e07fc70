import { variableOf } from "./config-table.ts";
import { nearest } from "./core/nearest.ts";

/** Names that are ours and no setting of the server: of clients, of tests, of Kubernetes' services. */
const IGNORED: readonly RegExp[] = [
  /^OPSCORE_(URL|PROFILE|NAMESPACE|TOKEN|TOKEN_FILE)$/,
  /^OPSCORE_TEST(_|$)|^OPSCORE_FAILPOINT$/,
  /^OPSCORE_(\w+_)?SERVICE_(HOST|PORT)(_\w+)?$/,
  /^OPSCORE_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/,
];
const PREFIX = "OPSCORE_";
const SERVICE_LINK = /^(tcp|udp|sctp):\/\//;

/**
 * One line about the first variable that looks like a setting and is none, or undefined.
 * `names` are those of the settings.
 */
export function checkNames(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): string | undefined {
  const known = new Set(names.map(variableOf));
  const unknown = Object.keys(env)
    .sort()
    .find((name) => name.startsWith(PREFIX) && !known.has(name) && !isIgnored(name));
  if (unknown === undefined) return undefined;
  const meant = nearest(unknown.slice(PREFIX.length).toLowerCase(), names);
  const help =
    meant === undefined ? "docs/config.md lists them" : `did you mean ${variableOf(meant)}?`;
  return `${unknown} is no setting: ${help}`;

  function isIgnored(name: string): boolean {
    const isLink = name.endsWith("_PORT") && SERVICE_LINK.test(env[name] ?? "");
    return isLink || IGNORED.some((pattern) => pattern.test(name));
  }
}
