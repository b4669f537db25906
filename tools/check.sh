#!/usr/bin/env bash
# Everything that can be said about the code without running it.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

step() {
  local name=$1
  shift
  printf '%-16s' "$name"
  if "$@" >"$work/output" 2>&1; then
    echo ok
  else
    echo FAILED
    sed 's/^/    /' "$work/output"
    failed+=("$name")
  fi
}

generated_code_is_current() {
  protos/generate.sh "$work/pb" || return
  local file
  for file in "$work"/pb/*; do
    diff -u "hummingbot_scripts/ml_signals/pb/${file##*/}" "$file" || {
      echo "run make proto"
      return 1
    }
  done
}

step 'ruff check' $bin/ruff check
step 'ruff format' $bin/ruff format --check
step mypy $bin/mypy
step imports $bin/lint-imports
step 'generated code' generated_code_is_current
step lock $bin/python -m tools.lock_check
step 'compose schema' $bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
if docker compose version >/dev/null 2>&1; then
  step 'compose config' docker compose --env-file .env.example config --quiet
else
  printf '%-16s%s\n' 'compose config' 'skipped: no docker compose here'
fi

if [ ${#failed[@]} -gt 0 ]; then
  echo "make check: failed: ${failed[*]}" >&2
  exit 1
fi
