import {
  createRegistry,
  type DescFile,
  type DescService,
  type MessageInitShape,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";

type Answer = NonNullable<
  Exclude<
    MessageInitShape<typeof ServerReflectionResponseSchema>,
    { $typeName: string }
  >["messageResponse"]
>;

/** Server reflection v1 and v1alpha, by one handler. Hand-written: no package does it for Connect. */
export function registerReflection(router: ConnectRouter, services: readonly DescService[]): void {
  // Reflection is one of the services it lists: tools ask for its files as well.
  const all = [...services, ServerReflection, ServerReflectionAlpha];
  const files = closureOf(all.map(({ file }) => file));
  const registry = createRegistry(...files.values());
  const names = all.map(({ typeName }) => typeName).sort();

  async function* info(requests: AsyncIterable<ServerReflectionRequest>) {
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answerTo(request, files, registry, names),
      };
    }
  }

  router.service(ServerReflection, { serverReflectionInfo: info });
  // The messages of v1alpha are the same but for their names.
  router.service(ServerReflectionAlpha, { serverReflectionInfo: info as never });
}

function answerTo(
  { messageRequest }: ServerReflectionRequest,
  files: ReadonlyMap<string, DescFile>,
  registry: Registry,
  names: readonly string[],
): Answer {
  switch (messageRequest.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: names.map((name) => ({ name })) } };
    case "fileByFilename":
      return fileAnswer(files.get(`${messageRequest.value}`), files);
    case "fileContainingSymbol":
      return fileAnswer(fileOfSymbol(registry, messageRequest.value), files);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      const message = registry.getMessage(containingType);
      const found = message && registry.getExtensionFor(message, extensionNumber);
      return fileAnswer(found?.file, files);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = messageRequest.value;
      const extensionNumber = [...registry].flatMap((type) =>
        type.kind === "extension" && type.extendee.typeName === baseTypeName ? [type.number] : [],
      );
      return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
    }
    default:
      return failed(Code.InvalidArgument, "the request asks for nothing");
  }
}

/** A file with all it imports, so that a client needs to ask once. */
function fileAnswer(file: DescFile | undefined, files: ReadonlyMap<string, DescFile>): Answer {
  if (file === undefined) return failed(Code.NotFound, "not found");
  const closure = closureOf([files.get(nameOf(file)) ?? file]);
  const fileDescriptorProto = [...closure.values()].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failed(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}

/** A symbol can be a type, a method, a field or a value: then its parent has the file. */
function fileOfSymbol(registry: Registry, symbol: string): DescFile | undefined {
  for (let name = symbol; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
    const found = registry.get(name);
    if (found !== undefined) return found.file;
  }
  return undefined;
}

function closureOf(roots: readonly DescFile[]): Map<string, DescFile> {
  const files = new Map<string, DescFile>();
  const visit = (file: DescFile): void => {
    if (files.has(nameOf(file))) return;
    for (const dependency of file.dependencies) visit(dependency);
    files.set(nameOf(file), file);
  };
  for (const root of roots) visit(root);
  return files;
}

function nameOf({ proto }: DescFile): string {
  return proto.name;
}
