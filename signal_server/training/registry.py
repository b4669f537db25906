"""Models on disk: immutable folders, and aliases that say which of them are in use.

<root>/<profile>/<version>/manifest.json, booster.ubj, calibration.json, reference.json, SHA256SUMS,
                           and evaluated.ubj where the served booster saw more than the evaluated
<root>/<profile>/aliases.json      champion, challengers and how they came to be it
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile

from signal_server.core.clock import Clock, utc_now
from signal_server.core.errors import ModelError
from signal_server.training.aliases import Action, Aliases, Event, change_aliases, read_aliases
from signal_server.training.artifact import (
    Manifest,
    Model,
    ModelCard,
    TrainedModel,
    calibration_from_json,
    calibration_to_json,
    manifest_from_json,
    manifest_to_json,
)
from signal_server.training.folder import FolderTakenError, read_folder, write_folder
from signal_server.training.reference import Reference, reference_from_json, reference_to_json

MANIFEST, BOOSTER, CALIBRATION = "manifest.json", "booster.ubj", "calibration.json"
REFERENCE, EVALUATED = "reference.json", "evaluated.ubj"
_REQUIRED = (MANIFEST, BOOSTER, CALIBRATION, REFERENCE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One version on disk: its manifest, or why it cannot be used (`problem` is then not empty)."""

    name: str
    version: str
    manifest: Manifest | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LastGood:
    """The newest champion that opens, and why those after it were passed over, newest first."""

    model: Model
    passed_over: tuple[str, ...]


class ModelRegistry:
    """The models under one folder; `clock` stamps versions and history."""

    def __init__(self, root: Path, clock: Clock = utc_now) -> None:
        self._root = root
        self._clock = clock

    def register(
        self,
        trained: TrainedModel,
        *,
        wish: Action = Action.PROMOTED,
        reasons: tuple[str, ...] = (),
        by: str = "",
    ) -> Manifest:
        """Store a model as a new version, and give it the part that `wish` names.

        With `reasons` against it a version that wishes to be promoted is kept as refused. The
        first of a profile becomes its champion whatever the wish, or nothing could be served.
        The folder appears whole or not at all. Raises `ModelError` when it cannot be written.
        """
        manifest = self._store(trained)

        def admitted(aliases: Aliases) -> Event:
            return Event(
                at=manifest.created_at,
                action=_admission(aliases, wish, reasons),
                version=manifest.version,
                by=by,
                why="first of its profile" if aliases.champion is None else "trained",
                reasons=reasons,
            )

        try:
            self._tell(manifest.id, admitted)
        except ModelError as error:
            made = f"{manifest.id}@{manifest.version}"
            raise ModelError(f"{made} is stored, but no part was given to it: {error}") from error
        return manifest

    def require_room(self, name: str) -> None:
        """Raise `ModelError` if a model of profile `name` could not be registered now."""
        folder = self._root / _checked(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                read_aliases(folder)
        except OSError as error:
            raise ModelError(f"{folder} cannot be written: {error.strerror}") from error

    def load(self, name: str, version: str | None = None) -> Model:
        """Open a version of profile `name`, its champion unless `version` is given.

        Raises `ModelError` naming the folder when there is none or it is damaged or foreign.
        """
        return self._open(self._folder(name, version or self.champion(name)), BOOSTER)

    def load_evaluated(self, name: str, version: str | None = None) -> Model:
        """Open a version as its test part was predicted: what it had not seen, it has not seen.

        Differs from `load` only where the served booster was fitted again on all rows. The
        manifest is then that of the evaluated booster.
        """
        return self._open(self._folder(name, version or self.champion(name)), EVALUATED)

    def load_last_good(self, name: str, check: Callable[[Model], None]) -> LastGood:
        """Open the champion, or the newest earlier one, that is whole and passes `check`.

        `check` raises `ModelError` for a model that cannot be used. Raises the champion's
        `ModelError` when no version is left.
        """
        versions = (self.champion(name), *self.aliases(name).earlier_champions)
        refusals: list[ModelError] = []
        for version in versions:
            try:
                model = self.load(name, version)
                check(model)
            except ModelError as error:
                refusals.append(error)
            else:
                return LastGood(model, tuple(str(error) for error in refusals))
        raise refusals[0]

    def aliases(self, name: str) -> Aliases:
        """Return champion, challengers and history of a profile; reads one small file."""
        return read_aliases(self._root / _checked(name))

    def champion(self, name: str) -> str:
        """Return the version that `load(name)` opens; raise `ModelError` when there is none."""
        version = self.aliases(name).champion
        if version is None:
            raise ModelError(f"no model of profile {name} in {self._root}; {self._advice(name)}")
        return _checked(version)

    def challengers(self, name: str) -> tuple[str, ...]:
        """Return the versions that are scored beside the champion and never published."""
        return self.aliases(name).challengers

    def promote(
        self, name: str, version: str, *, by: str, why: str, despite_gates: bool = False
    ) -> Event:
        """Make `version` the champion.

        Raises `ModelError` when it is no whole model, or one that failed a gate, unless
        `despite_gates`.
        """
        self.load(name, version)
        reasons = () if despite_gates else self.aliases(name).shortcomings(version)
        if reasons:
            raise ModelError(
                f"{name}@{version} failed a gate ({'; '.join(reasons)}); "
                "promote it all the same with --despite-gates"
            )
        return self._act(name, Action.PROMOTED, version, (by, why))

    def challenge(self, name: str, version: str, *, by: str, why: str) -> Event:
        """Make `version` a challenger; raise `ModelError` if it is the champion or not whole."""
        if version == self.aliases(name).champion:
            raise ModelError(f"{name} {version} is the champion; name another version")
        self.load(name, version)
        return self._act(name, Action.CHALLENGED, version, (by, why))

    def withdraw(self, name: str, version: str, *, by: str, why: str) -> Event:
        """Make `version` a challenger no more; raise `ModelError` when it is none."""
        if version not in self.challengers(name):
            raise ModelError(f"{name} {version} is no challenger; see `signal-server models`")
        return self._act(name, Action.WITHDRAWN, version, (by, why))

    def rollback(self, name: str, *, by: str, why: str) -> Event:
        """Return to the champion before this one, or to the newest before it that opens.

        Raises `ModelError` when there is none.
        """
        self.champion(name)
        for version in self.aliases(name).earlier_champions:
            try:
                self.load(name, version)
            except ModelError:
                continue
            return self._act(name, Action.ROLLED_BACK, version, (by, why))
        raise ModelError(f"{name} has no earlier champion to go back to; promote a version")

    def reference(self, name: str, version: str) -> Reference:
        """Return what the version's inputs and outputs looked like in training."""
        folder = self._folder(name, version)
        try:
            return reference_from_json(read_folder(folder, _REQUIRED, (EVALUATED,))[REFERENCE])
        except ModelError as error:
            raise _named(folder, error) from error

    def entries(self) -> tuple[Entry, ...]:
        """Return all versions on disk, by profile, oldest first, the damaged ones too."""
        found = (self._entry(path.parent) for path in self._root.glob(f"*/[!.]*/{MANIFEST}"))
        return tuple(sorted(found, key=_by_age))

    def list(self) -> tuple[Manifest, ...]:
        """Return the manifests of all versions that are whole, by profile, oldest first."""
        return tuple(entry.manifest for entry in self.entries() if entry.manifest is not None)

    def manifest(self, name: str, version: str | None = None) -> Manifest:
        """Return the manifest of a version, the champion's unless one is given.

        Raises `ModelError` when there is none or it is damaged.
        """
        return _read_manifest(self._folder(name, version or self.champion(name)))[0]

    def _advice(self, name: str) -> str:
        own = sorted(path.name for path in self._root.glob(name_of_own(name, "*")))
        if own:
            return f"each symbol has its own: name one, like {own[0]}"
        return f"train one with `signal-server train --profile {name}`"

    def _folder(self, name: str, version: str) -> Path:
        return self._root / _checked(name) / _checked(version)

    def _entry(self, folder: Path) -> Entry:
        try:
            manifest, problem = _read_manifest(folder)[0], ""
        except ModelError as error:
            manifest, problem = None, str(error)
        return Entry(folder.parent.name, folder.name, manifest, problem)

    def _open(self, folder: Path, booster: str) -> Model:
        manifest, contents = _read_manifest(folder)
        if booster == EVALUATED:
            window, rounds = manifest.windows.train, manifest.rounds
            manifest = replace(manifest, served_window=window, served_rounds=rounds)
        try:
            calibration = calibration_from_json(contents[CALIBRATION])
            return Model(manifest, contents.get(booster, contents[BOOSTER]), calibration)
        except ModelError as error:
            raise ModelError(f"{folder}: {error}") from error

    def _act(self, name: str, action: Action, version: str, who: tuple[str, str]) -> Event:
        event = Event(self._clock(), action, version, *who)
        return self._tell(name, lambda _aliases: event)

    def _tell(self, name: str, event_of: Callable[[Aliases], Event]) -> Event:
        try:
            return change_aliases(self._root / _checked(name), event_of)
        except OSError as error:
            raise ModelError(f"{self._root} cannot be written: {error.strerror}") from error

    def _store(self, trained: TrainedModel) -> Manifest:
        """Write a new version; one that is made twice in a second is the next second's, too."""
        now = self._clock()
        while True:
            manifest = _stamped(trained, now)
            try:
                write_folder(
                    self._folder(manifest.id, manifest.version), _contents(trained, manifest)
                )
            except FolderTakenError:
                now += timedelta(seconds=1)
            else:
                return manifest


def name_of_own(profile: str, symbol: str) -> str:
    """Return the name under which a symbol's own model of a profile is kept."""
    return f"{profile}.{symbol}"


def _by_age(entry: Entry) -> tuple[str, str, datetime, str]:
    """Sort by profile, and by time: a version's name tells it to the second, its manifest whole."""
    second = entry.version.partition("-")[0]
    made = entry.manifest.created_at if entry.manifest else datetime.min.replace(tzinfo=UTC)
    return entry.name, second, made, entry.version


def _stamped(trained: TrainedModel, now: datetime) -> Manifest:
    digest = hashlib.sha256(trained.booster + calibration_to_json(trained.calibration))
    digest.update(trained.card.data_fingerprint.encode())
    card = {field.name: getattr(trained.card, field.name) for field in fields(ModelCard)}
    version = f"{now:%Y%m%dT%H%M%S}Z-{digest.hexdigest()[:8]}"
    return Manifest(**card, version=version, created_at=now)


def _admission(aliases: Aliases, wish: Action, reasons: tuple[str, ...]) -> Action:
    if aliases.champion is None:
        return Action.PROMOTED
    return Action.REFUSED if reasons and wish is Action.PROMOTED else wish


def _contents(trained: TrainedModel, manifest: Manifest) -> dict[str, bytes]:
    contents = {
        MANIFEST: manifest_to_json(manifest),
        BOOSTER: trained.booster,
        CALIBRATION: calibration_to_json(trained.calibration),
        REFERENCE: reference_to_json(trained.reference),
    }
    return contents if trained.evaluated is None else {**contents, EVALUATED: trained.evaluated}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} names no model; use letters, digits, '.', '_' and '-'")
    return name


def _read_manifest(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of `folder` and its verified files."""
    if not folder.is_dir():
        name, version = folder.parent.name, folder.name
        raise ModelError(f"there is no {name}@{version}; `signal-server models` lists all")
    contents = read_folder(folder, _REQUIRED, (EVALUATED,))
    try:
        manifest = manifest_from_json(contents[MANIFEST])
    except ModelError as error:
        raise _named(folder, error) from error
    if (manifest.id, manifest.version) != (folder.parent.name, folder.name):
        raise ModelError(f"{folder} holds model {manifest.id} {manifest.version}; move it back")
    return manifest, contents


def _named(folder: Path, error: ModelError) -> ModelError:
    return ModelError(f"{folder}: {error}; train it again")
