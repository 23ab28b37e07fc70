import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { nearest } from "../../core/nearest.ts";
import { CliError } from "../cli-error.ts";

/** Every service of the contract; all of it is loaded. */
export async function services(): Promise<readonly DescService[]> {
  const [lifecycle, workflow, task, logging] = await Promise.all([
    import("../../../gen/opscore/v1/lifecycle_pb.ts"),
    import("../../../gen/opscore/v1/workflow_pb.ts"),
    import("../../../gen/opscore/v1/task_pb.ts"),
    import("../../../gen/opscore/v1/logging_pb.ts"),
  ]);
  return [
    lifecycle.LifecycleService,
    workflow.WorkflowService,
    task.TaskService,
    logging.LoggingService,
  ];
}

/** The method of a name like `TaskService/AckTask`, with or without the package. @throws {CliError} */
export async function methodNamed(name: string): Promise<DescMethod> {
  const methods = (await services()).flatMap((service) => service.methods);
  const short = name.replace(/^\/?opscore\.v1\./, "");
  const found = methods.find((method) => nameOf(method) === short);
  if (found !== undefined) return found;
  const meant = nearest(short, methods.map(nameOf));
  throw new CliError("notFound", `no method ${JSON.stringify(name)}`, {
    hint: meant === undefined ? "opscore api --list shows what there is" : `did you mean ${meant}?`,
  });
}

export function nameOf({ parent, name }: DescMethod): string {
  return `${parent.name}/${name}`;
}
