"""A stand-in for the vendor's flat files, and no patience."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from market_sim.faults import FaultSwitch
from market_sim.flat_files import TEST_KEYS, FlatFileStandIn
from signal_server.core.config import FlatFilesConfig
from signal_server.market.flat_files import attempts
from signal_server.market.flat_files.bucket import FlatFileBucket, FlatFileKeys
from signal_server.market.store import BarStore

KEYS = FlatFileKeys(TEST_KEYS.access, TEST_KEYS.secret)


@dataclass(slots=True)
class Site:
    """The stand-in, and a client of it whose sentences are kept."""

    stand_in: FlatFileStandIn
    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def faults(self) -> FaultSwitch:
        return self.stand_in.faults

    def bucket(self, keys: FlatFileKeys = KEYS, **changes: object) -> FlatFileBucket:
        settings = {"url": self.stand_in.url, "timeout_s": 10.0, "patience_s": 20.0} | changes
        config = FlatFilesConfig.model_validate(settings)
        return FlatFileBucket(config, keys, self.folder, self.said.append)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "LONGEST_WAIT_S", 0.01)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    stand_in = FlatFileStandIn(FaultSwitch())
    await stand_in.start()
    try:
        yield Site(stand_in, tmp_path / "flat_files")
    finally:
        await stand_in.stop()


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars", 60)
