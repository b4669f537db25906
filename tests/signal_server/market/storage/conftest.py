"""A store of minute bars."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signal_server.market.store import BarStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BarStore]:
    with BarStore(tmp_path / "bars", 60) as opened:
        yield opened
