"""A folder of files that appears whole, never changes, and proves both by its checksums."""

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from signal_server.core.errors import ModelError

CHECKSUMS = "SHA256SUMS"
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


class FolderTakenError(ModelError):
    """The folder to write is there already, and folders never change."""


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write `contents` (file name → bytes) and their checksums, whole or not at all.

    Raises `FolderTakenError` when the folder exists already, `ModelError` when it cannot be
    written.
    """
    taken = FolderTakenError(f"{folder} exists already; versions never change, so train again")
    if folder.exists():
        raise taken
    try:
        _write(folder, contents)
    except OSError as error:
        if error.errno in _TAKEN:
            raise taken from error
        raise ModelError(f"{folder} cannot be written: {error.strerror}") from error


def read_folder(
    folder: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, bytes]:
    """Return the files by name; raise `ModelError` when one is missing or was changed."""
    present = [name for name in optional if (folder / name).exists()]
    try:
        contents = {name: (folder / name).read_bytes() for name in (*required, *present)}
        checksums = (folder / CHECKSUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{folder} is not a whole model; train it again") from error
    if checksums != _checksums(contents):
        raise ModelError(f"{folder} is damaged: its files differ from {CHECKSUMS}; train it again")
    return contents


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
    try:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        (temporary / CHECKSUMS).write_text(_checksums(contents), encoding="utf-8")
        temporary.chmod(0o755)
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _checksums(contents: Mapping[str, bytes]) -> str:
    """Return lines as `sha256sum` writes them."""
    return "".join(
        f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents)
    )
