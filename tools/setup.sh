#!/usr/bin/env bash
# Make .venv from requirements.lock and the Hummingbot home beside it. Safe to interrupt and to
# repeat: nothing is done when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.installed
uv_pin=0.13.8

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup: $*"; exit 1; }

# Prints the real interpreter when $1 runs and is a Python 3.12: a pyenv shim may exist yet fail.
real_python() {
  "$1" -c '
import sys
if sys.version_info[:2] == (3, 12):
    print(sys.executable)' 2>/dev/null
}

has_headers() {
  "$1" -c '
import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'
}

candidates() {
  printf '%s\n' "${PYTHON:-python3.12}" python3.12 python3 python
  local root
  for root in "${PYENV_ROOT:-}" "$HOME/.pyenv"; do
    [ -z "$root" ] || printf '%s\n' "$root"/versions/3.12*/bin/python
  done
  if find_uv; then "$uv" python find --no-project '>=3.12,<3.13' 2>/dev/null || true; fi
}

find_python() {
  local candidate found
  while read -r candidate; do
    found=$(real_python "$candidate") || continue
    if [ -n "$found" ] && has_headers "$found"; then python=$found && return; fi
  done < <(candidates)
  download_python
}

download_python() {
  if find_uv || install_uv python3; then
    say "No Python 3.12 here; asking uv to download one"
    if "$uv" python install --quiet 3.12 && python=$("$uv" python find --no-project 3.12); then
      return
    fi
  fi
  fail "no Python 3.12 with its headers was found on PATH, in pyenv or by uv, and none could be" \
    "downloaded; install one (pyenv install 3.12, uv python install 3.12, or your system's" \
    "python3.12 and python3.12-dev) and run make setup again"
}

find_uv() {
  local candidate
  for candidate in "${UV:-uv}" uv "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv" .cache/uv/bin/uv; do
    if "$candidate" --version >/dev/null 2>&1; then uv=$candidate && return; fi
  done
  return 1
}

install_uv() {
  say "Installing uv $uv_pin into .cache/uv"
  "$1" -m venv --clear .cache/uv >&2 && .cache/uv/bin/python -m pip install --quiet "uv==$uv_pin" >&2 \
    && find_uv
}

# The mirror and the certificates that pip is set up to use are the ones uv should use too.
follow_pip_settings() {
  local index cert
  index=${PIP_INDEX_URL:-$(pip_setting index-url)}
  cert=${PIP_CERT:-$(pip_setting cert)}
  if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && [ -n "$index" ]; then
    export UV_DEFAULT_INDEX=$index
  fi
  if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "$cert" ]; then export SSL_CERT_FILE=$cert; fi
}

pip_setting() {
  { "$python" -m pip config list 2>/dev/null || true; } | sed -n "s/^global\\.$1='\\(.*\\)'\$/\\1/p"
}

fingerprint() { cat requirements.lock pyproject.toml tools/setup.sh | cksum; pwd; }

installed() {
  [ -f "$stamp" ] && [ "$(fingerprint)" = "$(cat "$stamp")" ] && [ -n "$(real_python $venv/bin/python)" ]
}

make_venv() {
  rm -f "$stamp"
  if [ -z "$(real_python $venv/bin/python)" ]; then
    "$uv" venv --quiet --clear --no-project --python "$python" "$venv"
  fi
}

install() {
  local started=$SECONDS
  find_python
  find_uv || install_uv "$python" || fail "uv could not be installed; install it and run make setup again"
  command -v g++ >/dev/null || say "setup: no g++ here; Hummingbot compiles unless uv has its wheel"
  follow_pip_settings
  make_venv
  say "Installing the locked packages (Hummingbot compiles once: about three minutes)"
  "$uv" pip sync --quiet --require-hashes --python $venv/bin/python requirements.lock \
    || fail "the locked packages could not be installed: see above; g++, Python's headers and a" \
      "package registry are needed the first time"
  "$uv" pip install --quiet --no-deps --no-build-isolation --python $venv/bin/python -e .
  fingerprint >"$stamp"
  say "Installed in $((SECONDS - started)) s"
}

mkdir -p .cache
exec 9>.cache/setup.lock
if command -v flock >/dev/null; then flock 9; fi
installed || install
$venv/bin/python -m tools.hummingbot_home .hummingbot
