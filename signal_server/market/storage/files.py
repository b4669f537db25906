"""Whole files under a root that is a local folder or a URL; each is replaced in one step."""

import os
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
from pyarrow import fs

from signal_server.core.errors import MarketDataError

_OBJECT_STORES = {"s3", "gcs", "abfs"}


class Files:
    """Files of any filesystem of pyarrow or fsspec, by their paths below the root."""

    def __init__(self, filesystem: Any, base: str) -> None:
        self._filesystem = filesystem
        self._base = base.rstrip("/")
        self._holds_objects = filesystem.type_name in _OBJECT_STORES

    @classmethod
    def at(cls, root: Path | str, below: str) -> "Files":
        """Return the files of `root`/`below`; raise `MarketDataError` if it is no known URL."""
        if isinstance(root, Path) or "://" not in root:
            return LocalFiles(Path(root) / below)
        filesystem, base = _filesystem_of(root)
        if isinstance(filesystem, fs.LocalFileSystem):
            return LocalFiles(Path(base) / below)
        return cls(filesystem, f"{base.rstrip('/')}/{below}")

    def folders(self) -> list[str]:
        """Return the names of the folders in the root."""
        return [i.base_name for i in self._list("") if i.type == fs.FileType.Directory]

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted; none if it is not there."""
        return sorted(i.base_name for i in self._list(folder) if i.type == fs.FileType.File)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of each file in a folder."""
        return {i.base_name: i.size for i in self._list(folder) if i.type == fs.FileType.File}

    def place(self, path: str) -> str:
        """Return how a person finds the file."""
        return f"{self._base}/{path}" if path else self._base

    def read(self, path: str) -> pa.Buffer:
        """Return a file's content; raise `OSError` if that fails."""
        # By one handle: between two, another file could take its place.
        with self._filesystem.open_input_file(self.place(path)) as file:
            return file.read_buffer(file.size())

    def replace(self, path: str, content: pa.Buffer) -> None:
        """Put a file in place, whole or not at all; raise `MarketDataError` if that fails."""
        try:
            self._put(path, content)
        except (OSError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or error
            raise MarketDataError(f"{self.place(path)} could not be written: {reason}") from error

    def move(self, path: str, target: str) -> None:
        """Give a file another path."""
        self._make_folder(target)
        self._filesystem.move(self.place(path), self.place(target))

    def clean(self, folder: str) -> None:
        """Delete what killed writers left half written."""

    def _put(self, path: str, content: pa.Buffer) -> None:
        # An object store shows a file when it is complete; elsewhere it is put there by a move.
        folder, _, name = path.rpartition("/")
        written = path if self._holds_objects else f"{folder}/.{name}.partial"
        self._make_folder(path)
        with self._filesystem.open_output_stream(self.place(written)) as stream:
            stream.write(content)
        if written != path:
            self._filesystem.move(self.place(written), self.place(path))

    def _make_folder(self, path: str) -> None:
        # In an object store a folder is a part of names; making one would leave an empty object.
        if not self._holds_objects:
            self._filesystem.create_dir(self.place(path).rpartition("/")[0], recursive=True)

    def _list(self, folder: str) -> list[Any]:
        selector = fs.FileSelector(self.place(folder), allow_not_found=True)
        try:
            return list(self._filesystem.get_file_info(selector))
        except (OSError, pa.ArrowException) as error:
            raise MarketDataError(f"{self.place(folder)} cannot be listed: {error}") from error


class LocalFiles(Files):
    """Files of a local folder, durable once they are in place."""

    def __init__(self, root: Path) -> None:
        super().__init__(fs.LocalFileSystem(), str(root))

    def clean(self, folder: str) -> None:
        """Delete what killed writers left half written."""
        for partial in Path(self.place(folder)).glob(".*.parquet.*.partial"):
            partial.unlink(missing_ok=True)

    def _put(self, path: str, content: pa.Buffer) -> None:
        target = Path(self.place(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            settle(target.parent)
        finally:
            partial.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Make a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _filesystem_of(url: str) -> tuple[Any, str]:
    try:
        filesystem, base = fs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    else:
        return filesystem, base
    try:
        other, base = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError, OSError) as error:
        raise MarketDataError(
            f"{url!r} is no place for bars: {error}; see docs/store.md"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(other)), base
