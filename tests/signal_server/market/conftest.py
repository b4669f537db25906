"""A vendor and a store of one-second bars, and no patience."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signal_server.market import polygon as polygon_module
from signal_server.market.patience import Patience
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import Vendor, vendor


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polygon_module, "PATIENCE", Patience(0.0))


@pytest.fixture
async def served() -> AsyncIterator[Vendor]:
    async with vendor() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path, 1)
