"""Hold the locks against pyproject.toml, offline."""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
SERVER_GROUPS: tuple[str, ...] = ()
ALL_GROUPS = ("bot", "sim", "dev")


def find_faults(project: Mapping[str, Any], lock: str, groups: tuple[str, ...]) -> list[str]:
    """Return what the text of a lock lacks for `project`, the content of pyproject.toml."""
    pins = _read_pins(lock)
    faults = [_fault(requirement, pins) for requirement in _requirements(project, groups)]
    faults += [f"{name} has no hash" for name in sorted(_without_hash(lock))]
    if "://" in lock:
        faults.append("it names a registry host")
    return [fault for fault in faults if fault]


def _read_pins(lock: str) -> dict[str, str]:
    found = (PIN.match(line) for line in lock.splitlines())
    return {canonicalize_name(pin["name"]): pin["version"] for pin in found if pin}


def _requirements(project: Mapping[str, Any], groups: tuple[str, ...]) -> Iterator[Requirement]:
    texts = list(project["project"]["dependencies"])
    for group in groups:
        texts += project["dependency-groups"][group]
    return (Requirement(text) for text in texts)


def _fault(requirement: Requirement, pins: Mapping[str, str]) -> str:
    version = pins.get(canonicalize_name(requirement.name))
    if version is None:
        return f"{requirement.name} is not pinned"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} {version} is not {requirement.specifier}"
    return ""


def _without_hash(lock: str) -> set[str]:
    """Return the names whose pin is not followed by at least one hash."""
    lines = [line for line in lock.splitlines() if not line.startswith("#")]
    following = [*lines[1:], ""]
    return {
        pin["name"]
        for line, after in zip(lines, following, strict=True)
        if (pin := PIN.match(line)) and "--hash=" not in line + after
    }


def _disagreements(whole: str, server: str) -> list[str]:
    pins = _read_pins(whole)
    return [
        f"{name} is {version} here and {pins.get(name, 'absent')} in requirements.lock"
        for name, version in _read_pins(server).items()
        if pins.get(name) != version
    ]


def main(root: Path = Path()) -> int:
    """Check both locks under `root`; print what is wrong and return 1 if anything is."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    whole = (root / "requirements.lock").read_text(encoding="utf-8")
    server = (root / "requirements-server.lock").read_text(encoding="utf-8")
    faults = [f"requirements.lock: {fault}" for fault in find_faults(project, whole, ALL_GROUPS)]
    server_faults = find_faults(project, server, SERVER_GROUPS) + _disagreements(whole, server)
    faults += [f"requirements-server.lock: {fault}" for fault in server_faults]
    for fault in faults:
        print(f"{fault}; run make lock")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
