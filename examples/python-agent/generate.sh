#!/bin/sh
# Makes the Python classes of the contract, in the folder `generated` beside this file.
# PYTHON names the interpreter; Node.js prints the .proto files that the contract imports.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
missing() {
  echo "generate.sh: $1" >&2
  exit 1
}

"$python" -c 'import grpc' || missing "install grpcio (Debian: python3-grpcio)"
if "$python" -c 'import grpc_tools' 2>/dev/null; then
  compile() { "$python" -m grpc_tools.protoc "$@"; }
elif plugin=$(command -v grpc_python_plugin); then
  compile() { protoc --plugin=protoc-gen-grpc_python="$plugin" "$@"; }
else
  missing "install grpcio-tools (Debian: protobuf-compiler protobuf-compiler-grpc)"
fi
[ -d "$here/../../node_modules/@bufbuild" ] || missing "run npm ci first: the imports come from there"

cd "$here/../.."
out=$here/generated
node tools/proto-deps.mjs "$out/proto"
compile -I proto -I "$out/proto" --python_out="$out" --grpc_python_out="$out" \
  proto/opscore/v1/*.proto "$out/proto/buf/validate/validate.proto"
