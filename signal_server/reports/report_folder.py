"""Where a report lies: a folder that is swapped whole."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_report(folder: Path, contents: Mapping[str, str]) -> Path:
    """Write the files by name into `folder`, in the place of an earlier report; return it.

    Raises `OSError` when it cannot be written, and leaves what was there before.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    writing = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
    try:
        for name, text in contents.items():
            (writing / name).write_text(text, encoding="utf-8")
        writing.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        writing.rename(folder)
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise
    return folder
