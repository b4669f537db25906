#!/usr/bin/env bash
# Pin every dependency with hashes: the whole project, and the server's own image.
# Extra arguments go to uv, for example --upgrade-package xgboost.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/toolchain.sh
find_uv || fail "uv is not installed; run make setup first"
export UV_CUSTOM_COMPILE_COMMAND="make lock"
compile() {
  "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-annotate --no-sources --python-version 3.12 pyproject.toml "$@"
}
compile --group bot --group sim --group dev -o requirements.lock "$@"
compile -c requirements.lock -o requirements-server.lock "$@"
