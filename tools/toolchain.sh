# Finds a working Python 3.12 and uv. Sourced by the other scripts; sets $python and $uv.
# shellcheck shell=bash

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

# Hummingbot is compiled, which needs Python.h; a system's python3.12 often comes without.
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
  "$1" -m venv --clear .cache/uv >&2 && .cache/uv/bin/python -m pip install -qq "uv==$uv_pin" >&2 \
    && find_uv
}
