"""What is installed: no two packages may write the same file, or the last one installed wins."""

from collections import defaultdict
from importlib.metadata import distributions
from pathlib import PurePosixPath

STRAY = {"docs", "tests", "test"}
"""Folders that some packages leave beside themselves; nothing imports them."""


def test_no_two_packages_install_the_same_file() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for distribution in distributions():
        for file in distribution.files or ():
            if PurePosixPath(file).suffix in {".py", ".so"} and file.parts[0] not in STRAY:
                owners[str(file)].add(distribution.name)
    shared = {file: sorted(names) for file, names in owners.items() if len(names) > 1}
    assert not shared
