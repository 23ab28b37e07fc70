/** A credential: who presents it, and where it may go. */
export interface ApiKey {
  /** `user:NAME`, or `agent:ID` for an agent that acts for itself. */
  readonly principal: string;
  readonly secret: string;
  readonly namespaces: readonly string[];
}

export type ApiKeys =
  | { readonly type: "keys"; readonly keys: readonly ApiKey[] }
  | { readonly type: "refused"; readonly message: string };

const ENTRY = /^([^=]*)=([^@]*)(?:@(.*))?$/;
const PRINCIPAL = /^(user|agent):[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const SECRET = /^[!-~]{16,512}$/;
const NAMESPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Reads entries `PRINCIPAL=SECRET[@NAMESPACE+NAMESPACE]`. Its messages never show a secret. */
export function parseApiKeys(source: string, entries: readonly string[]): ApiKeys {
  const keys: ApiKey[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = parseApiKey(entry.trim());
    if (typeof key === "string") {
      return { type: "refused", message: `${source}: key ${index + 1} ${key}` };
    }
    keys.push(key);
  }
  return { type: "keys", keys };
}

/** The key, or what is wrong with it. */
function parseApiKey(entry: string): ApiKey | string {
  const match = ENTRY.exec(entry);
  if (match === null) return "must be PRINCIPAL=SECRET or PRINCIPAL=SECRET@NAMESPACE+NAMESPACE";
  const [, principal = "", secret = "", namespaces = "default"] = match;
  // What stands before "=" may be a secret in the wrong place, so it is not shown either.
  if (!PRINCIPAL.test(principal)) return "must begin with user:NAME= or agent:ID=";
  if (!SECRET.test(secret)) {
    return `(${principal}) must have a secret of 16 to 512 visible ASCII characters other than @ and comma`;
  }
  const names = namespaces.split("+");
  if (!names.every((name) => NAMESPACE.test(name))) {
    return `(${principal}) must name namespaces of lower-case letters, digits and "-", separated by "+"`;
  }
  return { principal, secret, namespaces: names };
}
