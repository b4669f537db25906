"""The server's image installs requirements-server.lock: the server imports nothing else."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from tools.lock_check import PIN

PROJECT = Path(__file__).resolve().parents[2]
COPIED = {"signal_server", "hummingbot_scripts"}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def test_the_server_imports_only_what_its_lock_pins() -> None:
    lines = (PROJECT / "requirements-server.lock").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(pin["name"]) for line in lines if (pin := PIN.match(line))}
    owners = packages_distributions()
    files = (PROJECT / "signal_server").rglob("*.py")
    imported = {name for path in files for name in _imported(path)}
    foreign = {
        name
        for name in imported - set(sys.stdlib_module_names) - COPIED
        if not pinned & {canonicalize_name(owner) for owner in owners.get(name, ())}
    }
    assert foreign == set()


def test_the_image_copies_every_folder_that_the_server_reads() -> None:
    allowed = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    dockerfile = (PROJECT / "signal_server" / "Dockerfile").read_text(encoding="utf-8")
    for name in COPIED:
        assert f"!{name}" in allowed
        assert f"COPY {name} " in dockerfile
