#!/usr/bin/env bash
# Make .venv from requirements.lock and the Hummingbot home beside it. Safe to interrupt and to
# repeat: nothing is done when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/toolchain.sh

venv=.venv
stamp=$venv/.installed
quiet=--quiet
if [ -t 2 ]; then quiet=; fi # progress bars, where someone watches

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

fingerprint() { cat requirements.lock pyproject.toml | cksum; pwd; }

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
  # Where msgpack's old name was installed, removing it takes msgpack's files along.
  # shellcheck disable=SC2086
  "$uv" pip sync $quiet --require-hashes --reinstall-package msgpack \
    --python $venv/bin/python requirements.lock \
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
