/** What the command `opscore` ends with. docs/cli.md and every help text follow from this table. */
export const EXITS = {
  ok: [0, "ok"],
  failure: [1, "failure"],
  usage: [2, "wrong usage, or the server calls the request invalid"],
  notFound: [3, "not found"],
  denied: [4, "authentication or permission"],
  conflict: [5, "conflict or precondition"],
  unreachable: [6, "server unreachable"],
  runFailed: [7, "the awaited run failed"],
  runCancelled: [8, "the awaited run was cancelled"],
  config: [78, "the server refused its configuration"],
  timeout: [124, "--timeout passed"],
  interrupted: [130, "Ctrl-C"],
} as const satisfies Readonly<Record<string, readonly [code: number, about: string]>>;

export type ExitName = keyof typeof EXITS;

export function exitCode(name: ExitName): number {
  return EXITS[name][0];
}
