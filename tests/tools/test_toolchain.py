"""Set-up finds a Python 3.12 that works, or says what to do."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
REAL = Path(sys.executable).resolve()


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def _find(tmp_path: Path, command: str = "find_python; echo $python") -> tuple[int, str, str]:
    """Run in an empty home where PATH holds what is in `tmp_path/bin` before the system's tools."""
    environment = {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    work = tmp_path / "work"
    work.mkdir()
    for name in ("python3", "python", "uv"):
        if not (tmp_path / "bin" / name).exists():
            _program(tmp_path / "bin" / name, "exit 127")
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "-uc", f"source {PROJECT}/tools/toolchain.sh; {command}"],
        env=environment,
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr


def test_a_failing_shim_is_passed_over_for_pyenvs_own_folder(tmp_path: Path) -> None:
    _program(
        tmp_path / "bin" / "python3.12", "echo 'pyenv: python3.12: command not found'; exit 127"
    )
    _program(tmp_path / "home/.pyenv/versions/3.12.9/bin/python", f'exec {REAL} "$@"')
    assert _find(tmp_path)[:2] == (0, str(REAL))


def test_an_older_python_is_passed_over(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "python3.12", "exit 0")
    _program(tmp_path / "bin" / "python3", f'exec {REAL} "$@"')
    assert _find(tmp_path)[:2] == (0, str(REAL))


def test_uv_is_asked_where_a_python_is(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "python3.12", "exit 127")
    _program(tmp_path / "bin" / "uv", f'case "$1" in python) echo {REAL};; esac')
    assert _find(tmp_path)[:2] == (0, str(REAL))


def test_without_any_python_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "python3.12", "exit 127")
    code, _, errors = _find(tmp_path)
    assert code == 1
    assert "install one (pyenv install 3.12" in errors
    assert "Traceback" not in errors


def test_the_command_that_makes_names_what_is_missing() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "import"],  # noqa: S607
        cwd=PROJECT,
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "FILES is missing, for example: make import FILES=bars.parquet" in done.stderr
