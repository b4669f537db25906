"""What the bot imports is what Hummingbot's own installation brings: its image has no more."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SCRIPTS = Path(__file__).resolve().parents[2] / "hummingbot_scripts"


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def _installed_with(distribution: str, seen: set[str]) -> set[str]:
    name = canonicalize_name(distribution)
    if name in seen:
        return seen
    seen.add(name)
    try:
        requirements = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        return seen
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _installed_with(requirement.name, seen)
    return seen


def test_the_scripts_need_nothing_that_hummingbot_does_not_bring() -> None:
    brought = _installed_with("hummingbot", set())
    owners = packages_distributions()
    imported = {name for path in SCRIPTS.rglob("*.py") for name in _imported(path)}
    foreign = {
        name
        for name in imported - set(sys.stdlib_module_names)
        if not brought & {canonicalize_name(owner) for owner in owners.get(name, ())}
    }
    assert foreign == set()


def test_hummingbot_brings_what_the_generated_code_runs_on() -> None:
    assert {"grpcio", "protobuf"} <= _installed_with("hummingbot", set())
