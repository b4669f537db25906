"""The settings say where bars are; what needs a lock stays on this computer."""

from pathlib import Path

import pytest

from signal_server.cli.bars import open_store
from signal_server.core.config import load_settings
from signal_server.market.frames import frame_of
from tests.signal_server.market.storage.bars import SYMBOL, bar


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_DATA_DIR", str(tmp_path / "data"))


def test_bars_are_below_the_data_folder(tmp_path: Path) -> None:
    open_store(load_settings()).write(SYMBOL, frame_of([bar(0)]))
    assert (tmp_path / "data/bars/60s" / SYMBOL / "2025-01.parquet").exists()
    assert open_store(load_settings(), 1).symbols() == ()


def test_bars_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_BARS_URL", (tmp_path / "shared").as_uri())
    store = open_store(load_settings())
    store.write(SYMBOL, frame_of([bar(0)]))
    store.append(bar(1))
    assert (tmp_path / "shared/60s" / SYMBOL / "2025-01.parquet").exists()
    assert (tmp_path / "data/bars/60s" / SYMBOL / "live.csv").exists()
    assert len(open_store(load_settings()).read(SYMBOL)) == 2
    store.close()
