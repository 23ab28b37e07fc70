import type { DescMethod, DescService, JsonValue } from "@bufbuild/protobuf";
import { CliError, usage } from "../cli-error.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { CALL_EXITS } from "../help.ts";
import { toSafeJson } from "../output/text.ts";
import { dataOf } from "./data.ts";
import { commandsOf, describeMethod } from "./describe.ts";
import { methodNamed, services } from "./methods.ts";

export const apiCommand = command({
  path: "api",
  summary: "call any method of the API",
  description:
    "Call any method of the API with a request as JSON, and print the answer as JSON; a watch prints one line a frame until Ctrl-C. With --curl or --buf it prints the same call for those tools instead, with --describe what the method takes.",
  arguments: {
    method: {
      about: "SERVICE/METHOD, for example LifecycleService/ListAgents; with --list all of them",
      optional: true,
    },
  },
  options: {
    data: { value: "JSON", about: "the request; @FILE reads a file, - standard input", short: "d" },
    list: { about: "print every method" },
    describe: { about: "print what the method takes and gives" },
    curl: { about: "print the call as a curl command" },
    buf: { about: "print the call as a buf command" },
  },
  examples: [
    {
      run: `opscore api WorkflowService/GetRun -d '{"runId": "sum-1"}'`,
      shows: /"state": "RUN_STATE_SUCCEEDED"/,
    },
    {
      run: `opscore api LifecycleService/ListAgents -d '{"filter": "state == \\"idle\\""}' --curl`,
      about: "the same with curl",
      shows: /^curl -sS .*\/opscore\.v1\.LifecycleService\/ListAgents/,
    },
    {
      run: `opscore api LoggingService/TailLogs -d '{"last": 1}'`,
      about: "a watch, a line a frame",
      shows: /"message":"no answer to section 4"/,
      exit: "interrupted",
      endless: true,
    },
    { run: "opscore api --list", shows: /WorkflowService\/StartRun +\S/ },
    {
      run: "opscore api TaskService/AckTask --describe",
      shows: /leaseEpoch +uint32/,
    },
    {
      run: "opscore api WorkflowService/GetRnu",
      about: "names are suggested",
      shows: /did you mean WorkflowService\/GetRun/,
      exit: "notFound",
    },
  ],
  exits: [...CALL_EXITS, "notFound", "conflict"],
  async run(context, { method: name, data, list, describe, curl, buf }) {
    if (list) return await context.write(await listed());
    if (name === undefined) throw usage("say SERVICE/METHOD, or --list", "opscore api --list");
    const method = await methodNamed(name);
    if (describe) return await context.write(await describeMethod(method));
    const request = await dataOf(data);
    if (curl || buf) {
      const calls = commandsOf(method, request, context.settings);
      return await context.write(`${curl ? calls.curl : calls.buf}\n`);
    }
    await call(context, method, request);
  },
});

async function call(context: Context, method: DescMethod, request: JsonValue): Promise<void> {
  const { fromJson, toJson } = await import("@bufbuild/protobuf");
  const message = read(() => fromJson(method.input, request));
  if (method.methodKind === "bidi_streaming" || method.methodKind === "client_streaming") {
    throw new CliError("usage", `${method.name} is a two-way stream: use a client of gRPC`);
  }
  const { createClient } = await import("@connectrpc/connect");
  const client = createClient(method.parent as DescService, await context.ops.transport());
  const invoke = (client as Record<string, (input: unknown, options?: object) => unknown>)[
    method.localName
  ];
  if (method.methodKind === "unary") {
    const answer = await (invoke?.(message) as Promise<never>);
    await context.write(`${toSafeJson(toJson(method.output, answer), 2)}\n`);
    return;
  }
  const options = { signal: context.signal };
  const frames = invoke?.(message, options) as AsyncIterable<never>;
  for await (const frame of frames) {
    await context.write(`${toSafeJson(toJson(method.output, frame))}\n`);
  }
}

function read<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw usage(
      error instanceof Error ? error.message : String(error),
      "--describe shows the fields",
    );
  }
}

async function listed(): Promise<string> {
  const rows = (await services()).flatMap(({ name, methods }) =>
    methods.map((method) => [`${name}/${method.name}`, kindOf(method)] as const),
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, kind]) => `${name.padEnd(width)}  ${kind}\n`).join("");
}

function kindOf({ methodKind, idempotency }: DescMethod): string {
  if (methodKind === "server_streaming") return "stream";
  if (methodKind === "bidi_streaming") return "two-way stream";
  return idempotency === 1 ? "read" : "call";
}
