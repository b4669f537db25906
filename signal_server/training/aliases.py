"""Which versions of a profile are in use, and how that came about: one small file, swapped whole.

Aliases and history change together or not at all, since both are in the same file.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from signal_server.core.errors import ModelError

ALIASES = "aliases.json"
_LOCK = ".aliases.lock"
_LOCK_TIMEOUT_S = 30.0


class Action(StrEnum):
    """What happened to a version."""

    REGISTERED = "registered"
    REFUSED = "refused"
    PROMOTED = "promoted"
    CHALLENGED = "challenged"
    WITHDRAWN = "withdrawn"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history: what happened to `version`, when (tz-aware UTC), by whom, and why.

    `reasons` say what a refused version lacks, one sentence each.
    """

    at: datetime
    action: Action
    version: str
    by: str
    why: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aliases:
    """The version in use, those that are scored beside it in shadow, and the history, oldest first.

    `champion` is None before the first model.
    """

    champion: str | None = None
    challengers: tuple[str, ...] = ()
    history: tuple[Event, ...] = ()

    def after(self, event: Event) -> "Aliases":
        """Return the aliases once `event` has happened."""
        others = tuple(one for one in self.challengers if one != event.version)
        told = replace(self, history=(*self.history, event))
        match event.action:
            case Action.PROMOTED | Action.ROLLED_BACK:
                return replace(told, champion=event.version, challengers=others)
            case Action.CHALLENGED:
                return replace(told, challengers=(*others, event.version))
            case Action.WITHDRAWN:
                return replace(told, challengers=others)
            case _:
                return told

    @property
    def earlier_champions(self) -> tuple[str, ...]:
        """Return the versions that a rollback can return to, the last one in use first.

        A rollback takes all that came after its version off this list, as an undo does.
        """
        used: list[str] = []
        for event in self.history:
            if event.action is Action.ROLLED_BACK and event.version in used:
                del used[used.index(event.version) :]
            if event.action in (Action.PROMOTED, Action.ROLLED_BACK):
                used = [one for one in used if one != event.version] + [event.version]
        return tuple(reversed(used[:-1]))

    def reasons_against(self, version: str) -> tuple[str, ...]:
        """Return why `version` was refused when it was registered; empty if it was not."""
        refused = (one for one in self.history if one.action is Action.REFUSED)
        return next((one.reasons for one in refused if one.version == version), ())

    def shortcomings(self, version: str) -> tuple[str, ...]:
        """Return which gates `version` failed when it was registered, whatever became of it."""
        about = (event for event in self.history if event.version == version)
        return next((event.reasons for event in about if event.reasons), ())


_ALIASES = TypeAdapter(Aliases)


def read_aliases(folder: Path) -> Aliases:
    """Return the aliases of the profile in `folder`; empty ones when it has none yet.

    Raises `ModelError` naming a file that does not hold any.
    """
    path = folder / ALIASES
    try:
        return _ALIASES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return Aliases()
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{path} does not hold the aliases of a profile; restore it from a copy, "
            "or remove it and promote a version"
        ) from error


def change_aliases(folder: Path, event_of: Callable[[Aliases], Event]) -> Event:
    """Add the event that `event_of` makes of the present aliases, and return it.

    Processes that do this at once take turns; a reader sees the file before or after it.
    Raises `OSError` when the folder cannot be written.
    """
    with FileLock(folder / _LOCK, timeout=_LOCK_TIMEOUT_S):
        aliases = read_aliases(folder)
        event = event_of(aliases)
        _replace(folder / ALIASES, _ALIASES.dump_json(aliases.after(event), indent=2) + b"\n")
    return event


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".aliases-", delete=False) as new:
        try:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).chmod(0o644)
            Path(new.name).replace(path)
        except OSError:
            Path(new.name).unlink(missing_ok=True)
            raise
