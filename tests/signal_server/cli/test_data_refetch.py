"""`signal-server data verify --refetch`: what was damaged is fetched again, bar for bar."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml

from signal_server.cli.main import run
from signal_server.market.store import BarStore
from tests.signal_server.cli.vendor import KEY, polygon

SYMBOLS = ("BTC-USD", "ETH-USD")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with polygon(SYMBOLS, 600) as port:
        yield port


@pytest.fixture
def store(config: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    """Hold five minutes of one-second bars of two coins."""
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", KEY)
    settings = yaml.safe_load(config.read_text())
    settings |= {"bar_seconds": 1, "symbols": list(SYMBOLS)}
    settings["profiles"] = {
        "quick": {"label": {"kind": "direction", "horizon_s": 60}, "features": "six"}
    }
    settings["serving"]["profile"] = "quick"
    settings["polygon"] |= {"calls_per_minute": 0}
    ask(config, settings, f"http://127.0.0.1:{port}")
    now = datetime.now(UTC)
    period = ((now - timedelta(minutes=5)).isoformat(), (now - timedelta(minutes=1)).isoformat())
    arguments = ["backfill", "--start", period[0], "--end", period[1]]
    assert run(["--config", str(config), *arguments]) == 0
    return BarStore(Path(settings["data_dir"]) / "bars", 1)


def ask(config: Path, settings: dict[str, dict[str, object]], rest_url: str) -> None:
    settings["polygon"] |= {"rest_url": rest_url}
    config.write_text(yaml.safe_dump(settings))


def damage(store: BarStore, symbol: str) -> list[Path]:
    """Flip a byte in the middle of each month's file."""
    files = sorted((store.folder / symbol).glob("*.parquet"))
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    return files


def test_a_damaged_month_is_fetched_again(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {symbol: store.read(symbol) for symbol in SYMBOLS}
    files = damage(store, "ETH-USD")
    assert run(["--config", str(config), "data", "verify", "--refetch"]) == 0
    told = capsys.readouterr().out
    for path in files:
        assert f"{path}: " in told
        assert f"{path} is now " in told
    assert list((store.folder / "ETH-USD/damaged").iterdir())
    again = store.read("ETH-USD")
    pd.testing.assert_frame_equal(again.loc[before["ETH-USD"].index], before["ETH-USD"])
    pd.testing.assert_frame_equal(store.read("BTC-USD"), before["BTC-USD"])
    assert run(["--config", str(config), "data", "verify"]) == 0


def test_a_vendor_that_is_away_leaves_the_damage_for_the_next_time(
    config: Path, store: BarStore, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(store, "BTC-USD")
    before = store.read("ETH-USD")
    settings = yaml.safe_load(config.read_text())
    settings["polygon"] |= {"retry_for_s": 0.1}
    ask(config, settings, NOWHERE)
    assert run(["--config", str(config), "data", "verify", "--refetch"]) == 1
    assert store.read("BTC-USD").empty
    ask(config, settings, f"http://127.0.0.1:{port}")
    assert run(["--config", str(config), "backfill", "--start", before.index[0].isoformat()]) == 0
    assert len(store.read("BTC-USD")) >= len(before)
    capsys.readouterr()
