"""Flat files in a folder of this computer, as they were downloaded by hand."""

import hashlib
from datetime import date
from pathlib import Path

from signal_server.core.errors import ImportFileError
from signal_server.market.flat_files.published import Fetched, Published, day_of


class FlatFileFolder:
    """The files `YYYY-MM-DD.csv.gz` of a folder and those below it; nothing is changed in it."""

    def __init__(self, folder: Path) -> None:
        self._paths: dict[date, Path] = {}
        for path in sorted(folder.rglob("*.csv.gz")):
            day = day_of(path.name)
            if day is not None and self._paths.setdefault(day, path) != path:
                raise ImportFileError(
                    f"{path} and {self._paths[day]} are the same day; keep one of them"
                )
        if not self._paths:
            raise ImportFileError(f"{folder} holds no flat file like 2025-01-31.csv.gz")

    @property
    def days(self) -> tuple[date, ...]:
        """The days that have a file, oldest first."""
        return tuple(sorted(self._paths))

    def published(self, first: date, last: date) -> dict[date, Published]:
        """Return the files of these days; a version is the content's MD5, which is S3's ETag."""
        return {day: self._published(day) for day in self.days if first <= day <= last}

    def check_entitled(self, published: Published) -> None:
        """Do nothing: what lies in a folder may be read."""

    def fetch(self, published: Published) -> Fetched:
        """Return the file where it is."""
        return Fetched(self._paths[published.day], published)

    def release(self, fetched: Fetched, *, damaged: bool = False) -> None:
        """Leave the file where it is."""

    def close(self) -> None:
        """Do nothing."""

    def _published(self, day: date) -> Published:
        path = self._paths[day]
        with path.open("rb") as file:
            # Not for safety: it is the name that S3 gives a file's content.
            version = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return Published(day, str(path), version.hexdigest(), path.stat().st_size)
