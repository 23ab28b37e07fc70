import { type DescMethod, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { METHODS } from "../contract/services.ts";
import { faults } from "./oracle.ts";
import { type Answer, doorsFor, type Wire } from "./wire.ts";

const PAGES_MAX = 200;

/** Reads that together show everything, page by page, and how the next page is asked for. */
const READS: Readonly<Record<string, readonly [request: JsonObject, token: string, next: string]>> =
  {
    ListAgents: [{ pageSize: 100 }, "nextPageToken", "pageToken"],
    ListAgentEntries: [{ pageSize: 100 }, "next", "after"],
    ListSessions: [{ agentId: "a" }, "nextPageToken", "pageToken"],
    ListTemplates: [{ pageSize: 100 }, "nextPageToken", "pageToken"],
    ListRuns: [{ pageSize: 100 }, "nextPageToken", "pageToken"],
    ListRunEntries: [{ pageSize: 100 }, "next", "after"],
    ListTasks: [{ pageSize: 100 }, "nextPageToken", "pageToken"],
    SearchLogs: [{ pageSize: 100 }, "nextPageToken", "pageToken"],
    ListLogEntries: [{ pageSize: 100 }, "next", "after"],
  };

/** Reads all there is, in every form; what goes wrong on the way. */
export async function readEverything(wire: Wire): Promise<readonly string[]> {
  const found: string[] = [];
  for (const method of METHODS) {
    const read = READS[method.name];
    if (read === undefined) continue;
    for (const form of ["json", "binary"] as const)
      found.push(...(await readAll(wire, method, form, read)));
  }
  return found;
}

async function readAll(
  wire: Wire,
  method: DescMethod,
  form: "json" | "binary",
  [first, token, next]: (typeof READS)[string] & {},
): Promise<readonly string[]> {
  let request = first;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await ask(wire, method, form, request);
    const wrong = faults(answer).map((fault) => `${method.name}: ${fault}`);
    if (wrong.length > 0) return wrong;
    const after = String((answer.messages[0] as JsonObject)[token] ?? "");
    if (after === "" || after === request[next]) return [];
    request = { ...first, [next]: after };
  }
  return [];
}

function ask(
  wire: Wire,
  method: DescMethod,
  form: "json" | "binary",
  request: JsonObject,
): Promise<Answer> {
  const [door] = doorsFor(method, form);
  if (door === undefined) throw new Error(`no door for ${method.name}`);
  const message = fromJson(method.input, request);
  const body =
    form === "json" ? Buffer.from(JSON.stringify(request)) : toBinary(method.input, message);
  return door.send(wire, method, body);
}
