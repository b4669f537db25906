#!/usr/bin/env bash
# Generate the Python code of the contract into FOLDER (default: where it is committed).
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
out="${1:-hummingbot_scripts/ml_signals/pb}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
bin="$(cd "$(dirname "$python")" && pwd)"
PATH="$bin:$PATH" "$python" -m grpc_tools.protoc -I protos/signals/v1 \
  --python_out="$work" --grpc_python_out="$work" --mypy_out="$work" --mypy_grpc_out="$work" \
  protos/signals/v1/signals.proto
# protoc writes top-level imports; the package is loaded under two names, so make them relative.
sed -i -E 's/^import (signals_pb2)/from . import \1/' "$work"/signals_pb2_grpc.py*
mkdir -p "$out"
cp "$work"/signals_pb2* "$out"/
