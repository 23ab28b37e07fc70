import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { LifecycleService } from "../../gen/opscore/v1/lifecycle_pb.ts";
import { LoggingService } from "../../gen/opscore/v1/logging_pb.ts";
import { TaskService } from "../../gen/opscore/v1/task_pb.ts";
import { WorkflowService } from "../../gen/opscore/v1/workflow_pb.ts";

/** Every service of the contract. */
export const SERVICES = [LifecycleService, WorkflowService, TaskService, LoggingService] as const;

/** Every method of the contract. */
export const METHODS: readonly DescMethod[] = SERVICES.flatMap((service) => service.methods);

/** Files of the contract, each once. */
export const FILES = [
  ...new Set(SERVICES.flatMap(({ file }) => [file, ...file.dependencies])),
].filter((file) => file.proto.package === "opscore.v1");

// Checked by our own code, with better answers than a rule could give.
const NOT_WALKED = new Set(["opscore.v1.WorkflowTemplate"]);

/** Every message that a caller can send, the well-known ones and templates aside. */
export function requestMessages(): readonly DescMessage[] {
  const seen = new Set<DescMessage>();
  const visit = (message: DescMessage) => {
    if (seen.has(message) || NOT_WALKED.has(message.typeName)) return;
    if (message.typeName.startsWith("google.protobuf.")) return;
    seen.add(message);
    for (const field of message.fields) if (field.message !== undefined) visit(field.message);
  };
  for (const method of METHODS) visit(method.input);
  return [...seen];
}
