import { createOpsClient, watch } from "opscore/client";

const ops = createOpsClient({ url: process.env["URL"] ?? "http://127.0.0.1:6772" });
// Survives restarts of the server: goes on after the last cursor, nothing twice, nothing missing.
for await (const { entries } of watch((after, options) =>
  ops.workflow.watchRuns(
    { runId: "hello-1", ...(after && { start: { start: { case: "after", value: after } } }) },
    options,
  ),
)) {
  for (const entry of entries) console.log(entry.sequence, entry.body.case, entry.stepPath);
}
