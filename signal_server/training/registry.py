"""Models on disk: immutable folders, and an alias for the one in use.

<root>/<profile>/<version>/manifest.json, booster.ubj, calibration.json, SHA256SUMS
<root>/<profile>/champion     the version that `load` takes by default
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from signal_server.core.clock import Clock, utc_now
from signal_server.core.errors import ModelError
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

MANIFEST, BOOSTER, CALIBRATION = "manifest.json", "booster.ubj", "calibration.json"
CHECKSUMS = "SHA256SUMS"
CHAMPION = "champion"
_FILES = (MANIFEST, BOOSTER, CALIBRATION)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ModelRegistry:
    """The models under one folder; `clock` stamps their versions."""

    def __init__(self, root: Path, clock: Clock = utc_now) -> None:
        self._root = root
        self._clock = clock

    def register(self, trained: TrainedModel) -> Manifest:
        """Store a model as a new version and make it its profile's champion.

        The folder appears whole or not at all. Raises `ModelError` when it cannot be written.
        """
        manifest = self._stamp(trained)
        contents = {
            MANIFEST: manifest_to_json(manifest),
            BOOSTER: trained.booster,
            CALIBRATION: calibration_to_json(trained.calibration),
        }
        try:
            _write_folder(self._folder(manifest.id, manifest.version), contents)
            self._write_champion(manifest.id, manifest.version)
        except OSError as error:
            raise ModelError(f"{self._root} cannot be written: {error.strerror}") from error
        return manifest

    def load(self, name: str, version: str | None = None) -> Model:
        """Open a version of profile `name`, its champion unless `version` is given.

        Raises `ModelError` naming the folder when there is none or it is damaged or foreign.
        """
        folder = self._folder(name, version or self.champion(name))
        manifest, contents = _read(folder)
        try:
            calibration = calibration_from_json(contents[CALIBRATION])
            return Model(manifest, contents[BOOSTER], calibration)
        except ModelError as error:
            raise ModelError(f"{folder}: {error}") from error

    def list(self) -> tuple[Manifest, ...]:
        """Return all manifests, by profile, oldest first; raise `ModelError` on a damaged one."""
        folders = sorted(path.parent for path in self._root.glob(f"*/[!.]*/{MANIFEST}"))
        return tuple(_read(folder)[0] for folder in folders)

    def champion(self, name: str) -> str:
        """Return the version that `load(name)` opens; raise `ModelError` when there is none."""
        path = self._root / _checked(name) / CHAMPION
        try:
            return _checked(path.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            raise ModelError(
                f"no model of profile {name} in {self._root}; "
                f"train one with `signal-server train --profile {name}`"
            ) from None
        except (OSError, UnicodeDecodeError, ModelError) as error:
            raise ModelError(f"{path} does not name a version; train {name} again") from error

    def _folder(self, name: str, version: str) -> Path:
        return self._root / _checked(name) / _checked(version)

    def _stamp(self, trained: TrainedModel) -> Manifest:
        now = self._clock()
        digest = hashlib.sha256(trained.booster + calibration_to_json(trained.calibration))
        digest.update(trained.card.data_fingerprint.encode())
        card = {field.name: getattr(trained.card, field.name) for field in fields(ModelCard)}
        version = f"{now:%Y%m%dT%H%M%S}Z-{digest.hexdigest()[:8]}"
        return Manifest(**card, version=version, created_at=now)

    def _write_champion(self, name: str, version: str) -> None:
        path = self._root / name / CHAMPION
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".champion-", delete=False, encoding="utf-8"
        ) as temporary:
            temporary.write(version + "\n")
        Path(temporary.name).replace(path)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} names no model; use letters, digits, '.', '_' and '-'")
    return name


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    if folder.exists():
        raise ModelError(f"{folder} exists already; versions never change, so train again")
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


def _read(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Return the verified files of `folder` and its manifest."""
    try:
        contents = {name: (folder / name).read_bytes() for name in _FILES}
        checksums = (folder / CHECKSUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{folder} is not a whole model; train it again") from error
    if checksums != _checksums(contents):
        raise ModelError(f"{folder} is damaged: its files differ from {CHECKSUMS}; train it again")
    try:
        manifest = manifest_from_json(contents[MANIFEST])
    except ModelError as error:
        raise ModelError(f"{folder}: {error}; train it again") from error
    if (manifest.id, manifest.version) != (folder.parent.name, folder.name):
        raise ModelError(f"{folder} holds model {manifest.id} {manifest.version}; move it back")
    return manifest, contents


def _checksums(contents: Mapping[str, bytes]) -> str:
    """Return lines as `sha256sum` writes them."""
    return "".join(
        f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents)
    )
