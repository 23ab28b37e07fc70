import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equals, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { afterAll, expect, test } from "vitest";
import { file_grpc_health_v1_health } from "../../gen/grpc/health/v1/health_pb.ts";
import { file_grpc_reflection_v1_reflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";

const folder = mkdtempSync(join(tmpdir(), "proto-deps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the printed validate.proto builds to the descriptor it was printed from", () => {
  const files = buildProtoDeps();
  const built = files.find((file) => file.name === "buf/validate/validate.proto");
  expect(built && equals(FileDescriptorProtoSchema, built, file_buf_validate_validate.proto)).toBe(
    true,
  );
  // The copies are there too, and are what gen/ was made from.
  for (const served of [file_grpc_health_v1_health, file_grpc_reflection_v1_reflection]) {
    const copy = files.find((file) => file.name === served.proto.name);
    expect(copy?.service.map((s) => s.name)).toEqual(served.proto.service.map((s) => s.name));
  }
}, 60_000);

function buildProtoDeps() {
  const sources = join(folder, "sources");
  const image = join(folder, "image.binpb");
  execFileSync(process.execPath, ["tools/proto-deps.mjs", sources]);
  execFileSync("node_modules/.bin/buf", ["build", sources, "--exclude-source-info", "-o", image]);
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(image));
  for (const one of file) delete one.$unknown; // buf's own marks on an image
  return file;
}
