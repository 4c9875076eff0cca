#!/bin/sh
# Makes the committed stubs. Usage: proto/generate.sh PYTHON [OUTDIR]; PYTHON has proto/requirements.txt installed.
set -eu
python=$1
cd "$(dirname "$0")"
out=${2:-.}
mkdir -p "$out"
PATH="$(dirname "$python"):$PATH"
"$python" -m grpc_tools.protoc -I . --python_out="$out" --mypy_out="quiet:$out" v2a_api/v1/*.proto
# Only files with a service get service stubs.
"$python" -m grpc_tools.protoc -I . --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" \
  $(grep -l '^service ' v2a_api/v1/*.proto)
