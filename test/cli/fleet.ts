import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { AgentState } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LogDurability, Severity } from "../../gen/opscore/v1/logging_pb.ts";
import { createOpsClient, type OpsClient } from "../../src/client/index.ts";

/** Long enough that nobody is late while the examples run. */
const LEASE = { seconds: 600n, nanos: 0 };

const SUM = `
template_id: sum
version: 1.0.0
main: {steps: [{id: add, set: {values: {total: input.a + input.b}}}]}
output: {total: steps.add.output.total}
`;
const REPORT = `
template_id: report
version: 1.0.0
main:
  steps:
  - id: search
    task: {agent: {capability: search}, input: {topic: input.topic}}
  - id: draft
    task: {agent: {capability: write}, input: {found: steps.search.output}}
output: {text: steps.draft.output.text}
`;

/**
 * What every example finds, in a namespace of its own: three agents, two
 * templates, a run of `sum` that is over (`sum-1`) and one of `report` whose
 * first step is queued (`report-1`), about which the writer has logged.
 */
export async function sendFleet(url: string, namespace: string): Promise<OpsClient> {
  const ops = createOpsClient({ url, namespace });
  const openSession = { leaseDuration: LEASE };
  const labels = { team: "core" };
  await ops.lifecycle.registerAgent({
    agentId: "writer",
    spec: { version: "1.4.0", labels, capabilities: [{ name: "write", version: "2.0.0" }] },
    openSession,
  });
  await ops.lifecycle.registerAgent({
    agentId: "researcher",
    spec: { version: "1.4.0", labels, capabilities: [{ name: "search" }], slots: 2 },
    openSession,
  });
  await ops.lifecycle.registerAgent({ agentId: "critic", spec: { version: "1.3.9" } });
  const report = (agentId: string, state: AgentState, statusText = "") =>
    ops.lifecycle.reportState({ report: { agentId, state, statusText } });
  await report("writer", AgentState.ACTIVE, "drafting section 4");
  await report("researcher", AgentState.IDLE);
  for (const text of [SUM, REPORT]) {
    await ops.workflow.publishTemplate({ source: { source: { case: "text", value: text } } });
  }
  const start = (runId: string, templateId: string, input: Record<string, string | number>) =>
    ops.workflow.startRun({
      runId,
      templateId,
      input: { data: { case: "json", value: fromJson(ValueSchema, input) } },
    });
  await start("sum-1", "sum", { a: 1, b: 2 });
  await start("report-1", "report", { topic: "tea" });
  const log = { agentId: "writer", runId: "report-1", operation: "llm.call" };
  await ops.logging.logOperations({
    entries: [
      { ...log, operation: "draft", severity: Severity.INFO, message: "section 4 of 6" },
      {
        ...log,
        severity: Severity.WARN,
        message: "timeout after 30 s",
        attributes: { attempt: 2 },
      },
      { ...log, severity: Severity.ERROR, message: "no answer to section 4" },
    ],
    durability: LogDurability.COMMITTED,
  });
  return ops;
}

/** The files that examples name, in the folder where they run. */
export function writeFiles(folder: string): void {
  writeFileSync(join(folder, "sum.yaml"), SUM);
  writeFileSync(join(folder, "report.yaml"), REPORT);
  writeFileSync(join(folder, "keys.txt"), "user:ana=Zo6Tn0fEo3nOYpVJ\n");
  copyFileSync("test/fixtures/tls-cert.pem", join(folder, "cert.pem"));
  copyFileSync("test/fixtures/tls-key.pem", join(folder, "key.pem"));
}
