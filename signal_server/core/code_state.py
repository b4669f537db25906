"""Which code this process runs: its version, its source, and the commit that it is of."""

import hashlib
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import signal_server

_GIT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class CodeState:
    """The program's code.

    `commit` is that of the checkout, None outside of one; `changed` says that files differ from
    it. `sha256` is of all the program's source files, so that it holds without a checkout too.
    """

    version: str
    sha256: str
    commit: str | None
    changed: bool

    def __str__(self) -> str:
        changed = " with changes" if self.changed else ""
        return f"{self.version}, commit {self.commit or 'unknown'}{changed}"


def code_state() -> CodeState:
    """Return the state of the code that this process was started from."""
    package = Path(signal_server.__file__).parent
    return CodeState(
        version=signal_server.__version__,
        sha256=_source_sha256(package),
        commit=_git(package, "rev-parse", "HEAD"),
        changed=bool(_git(package, "status", "--porcelain", "--", ".")),
    )


@lru_cache(maxsize=1)
def _source_sha256(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says, None when there is no git or no checkout."""
    try:
        done = subprocess.run(  # noqa: S603 (constant arguments)
            ["git", "-C", str(folder), *arguments],  # noqa: S607 (as installed)
            capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
