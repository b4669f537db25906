"""What a model was made with: the code, the interpreter and the packages."""

import platform
from dataclasses import dataclass
from importlib.metadata import version

from signal_server.core.code_state import CodeState, code_state

PACKAGES = ("xgboost", "numpy", "pandas", "pandas-ta", "TA-Lib", "scipy", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Lineage:
    """Versions of everything but the data, which has a fingerprint of its own.

    The code's are those of `CodeState`.
    """

    code_version: str
    code_sha256: str
    code_commit: str | None
    code_changed: bool
    python: str
    machine: str
    packages: dict[str, str]

    @property
    def code(self) -> CodeState:
        """Return the code that made the model."""
        return CodeState(self.code_version, self.code_sha256, self.code_commit, self.code_changed)


def lineage() -> Lineage:
    """Return the lineage of what is trained now by this process."""
    code = code_state()
    return Lineage(
        code_version=code.version,
        code_sha256=code.sha256,
        code_commit=code.commit,
        code_changed=code.changed,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        packages={name: version(name) for name in PACKAGES},
    )
