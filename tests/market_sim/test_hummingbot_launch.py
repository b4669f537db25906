"""A Hummingbot process goes to the stand-in when, and only when, its environment says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from market_sim.hummingbot_launch import environment

READ = """
from hummingbot.connector.exchange.kraken import kraken_constants as c
from hummingbot.connector.exchange.kraken.kraken_web_utils import rest_url
print(c.BASE_URL, c.WS_URL, c.WS_AUTH_URL, rest_url(c.TIME_PATH_URL))
"""
SPAWN = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {READ!r}], check=True)"
REST, STREAM = "http://127.0.0.1:1", "ws://127.0.0.1:1/"


def addresses(code: str, folder: Path, extra: dict[str, str]) -> list[str]:
    """Run `code` as Hummingbot would be run, in a folder of its own; return what it prints."""
    done = subprocess.run(  # noqa: S603 - the test's own code
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_a_launched_process_and_its_child_use_the_stand_in(tmp_path: Path) -> None:
    redirected = [REST, STREAM, STREAM, f"{REST}/0/public/Time"]
    assert addresses(SPAWN, tmp_path, environment(REST, STREAM)) == redirected


def test_any_other_process_uses_kraken(tmp_path: Path) -> None:
    only_path = {"PYTHONPATH": environment(REST, STREAM)["PYTHONPATH"]}
    assert addresses(READ, tmp_path, only_path)[0] == "https://api.kraken.com"


def test_an_existing_python_path_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert environment(REST, STREAM)["PYTHONPATH"].split(os.pathsep)[1:] == ["/somewhere"]
