"""A vendor and a store of one-second bars, and no patience."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signal_server.market import live as live_module
from signal_server.market import polygon as polygon_module
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import Vendor, vendor


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "SHORTEST_BACKOFF_S", 0.001)
    monkeypatch.setattr(live_module, "LONGEST_BACKOFF_S", 0.01)
    monkeypatch.setattr(live_module, "REPAIR_RETRY_S", 0.01)
    monkeypatch.setattr(polygon_module, "RETRIES", 0)


@pytest.fixture
async def served() -> AsyncIterator[Vendor]:
    async with vendor() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path, 1)
