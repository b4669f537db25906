"""How many models of a profile were tried, which is what a Sharpe ratio is deflated by.

<folder>/<profile>.tries.jsonl     one line for each run that trained; lines are only ever added
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signal_server.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class Tried:
    """How many models were tried before one was chosen, itself included.

    `prior` are those that the settings tell of, `tuned` the trials of all tuning, `runs` the
    different settings that were trained or walked forward with.
    """

    prior: int = 0
    tuned: int = 0
    runs: int = 1

    @property
    def total(self) -> int:
        """Return their number."""
        return self.prior + self.tuned + self.runs

    def __str__(self) -> str:
        return f"{self.prior} said by training.prior_trials, {self.tuned} tuned, {self.runs} run"


THIS_ONE = Tried()
"""Nothing was tried before the one that is judged."""


@dataclass(frozen=True, slots=True)
class Try:
    """A run that trains: the command, its time (tz-aware UTC), and a digest of what was tried."""

    command: str
    at: datetime
    digest: str


def note_try(folder: Path, profile: str, made: Try) -> None:
    """Add a run to those of its profile, to stay; raise `ModelError` when it cannot be written."""
    path = _path(folder, profile)
    content = {"at": made.at.isoformat(), "command": made.command, "digest": made.digest}
    # A line of its own, whatever a run that was broken off left at the end.
    line = f"\n{json.dumps(content)}\n".encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be written, and no model is tried uncounted: {error.strerror}"
        ) from error


def count_runs(folder: Path, profile: str) -> int:
    """Return how many different things the noted runs of a profile tried."""
    try:
        lines = _path(folder, profile).read_bytes().splitlines()
    except FileNotFoundError:
        return 0
    return len({digest for digest in map(_digest, lines) if digest})


def _digest(line: bytes) -> str | None:
    """Return a line's digest; None of a line that was never finished."""
    try:
        found: str = json.loads(line)["digest"]
    except (ValueError, KeyError, TypeError):
        return None
    return found


def _path(folder: Path, profile: str) -> Path:
    return folder / f"{profile}.tries.jsonl"
