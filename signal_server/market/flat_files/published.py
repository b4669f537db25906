"""What a source of flat files has, and what every such source can do."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv\.gz")


@dataclass(frozen=True, slots=True)
class Published:
    """A day's file. `version` is S3's ETag: another one means that it was published anew."""

    day: date
    key: str
    version: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file on this computer, and which version of it that is."""

    path: Path
    published: Published


class FlatFileSource(Protocol):
    """Where flat files come from; its methods are called from several threads."""

    def published(self, first: date, last: date) -> dict[date, Published]:
        """Return the files of the days from `first` to `last`, both included."""
        ...

    def check_entitled(self, published: Published) -> None:
        """Raise `NotEntitledError` or `VendorAuthError` if the file may not be had."""
        ...

    def fetch(self, published: Published) -> Fetched:
        """Return the file; raise `FlatFileError` if this one cannot be had, and others can."""
        ...

    def release(self, fetched: Fetched, *, damaged: bool = False) -> None:
        """Say that the file is not needed any more, or that it is damaged."""
        ...

    def close(self) -> None:
        """End every call that is under way."""
        ...


def day_of(name: str) -> date | None:
    """Return the day of a file's name or key, None if it is no flat file's."""
    found = _NAME.fullmatch(name.rsplit("/", 1)[-1])
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
