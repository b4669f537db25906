"""What a model was made with: the code, the interpreter and the packages."""

import hashlib
import platform
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import signal_server

PACKAGES = ("xgboost", "numpy", "pandas", "pandas-ta", "TA-Lib", "scipy", "scikit-learn")
_GIT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Lineage:
    """Versions of everything but the data, which has a fingerprint of its own.

    `code_commit` is that of the checkout, None outside of one; `code_changed` says that files
    differ from it. `code_sha256` is of all the program's source files, so that it holds without
    a checkout too.
    """

    code_version: str
    code_sha256: str
    code_commit: str | None
    code_changed: bool
    python: str
    machine: str
    packages: dict[str, str]


def lineage() -> Lineage:
    """Return the lineage of what is trained now by this process."""
    package = Path(signal_server.__file__).parent
    commit = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", "--", ".")
    return Lineage(
        code_version=signal_server.__version__,
        code_sha256=_source_sha256(package),
        code_commit=commit,
        code_changed=bool(changed),
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        packages={name: version(name) for name in PACKAGES},
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
