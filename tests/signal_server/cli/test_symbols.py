"""`signal-server symbols`, with both vendors behind real sockets."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from aiohttp import web

from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.kraken_server import KrakenSettings, KrakenStandIn
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from signal_server.cli.main import run
from signal_server.market.coverage import Coverage, Source
from signal_server.market.frames import bar_frame
from signal_server.market.store import BarStore
from tests.market_sim.markets import START, SetClock, SteadyPrices

KEY = "test-key"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Vendors:
    polygon: str
    kraken: str


@contextmanager
def serving() -> Iterator[Vendors]:
    """Serve both in a thread of its own, since a command blocks the one it runs in."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    market = SimMarket(
        seeded_histories(("BTC-USD", "ETH-USD", "SOL-USD", "SKY-USD", "MKR-USD"), 3, 20),
        description="a seeded model of a market",
        bar_seconds=60,
        live_start=START,
        history_bars=10,
    )
    polygon = PolygonRest(market, KEY, FaultSwitch(), delisted={"MKR-USD": START})
    kraken = KrakenStandIn(SteadyPrices(), KrakenSettings(), SetClock())

    async def start() -> tuple[web.AppRunner, Vendors]:
        application = web.Application()
        application.add_routes(polygon.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner, Vendors(address, (await kraken.start()).rest_url)

    async def stop() -> None:
        await kraken.stop(rudely=True)
        await runner.cleanup()

    runner, vendors = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield vendors
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    with serving() as served:
        yield served


@pytest.fixture
def settings(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with a small list of coins, and with vendors that nobody runs."""
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", KEY)
    coins = tmp_path / "symbols.yml"
    coins.write_text(
        "tiers: {tier1: [BTC-USD, SOL-USD], tier2: [MKR-USD, NOPE-USD]}\n"
        "renamed: {MKR-USD: {to: SKY-USD, units: 24000, since: 2025-09}}\n"
    )
    point(config, Vendors("http://127.0.0.1:1", "http://127.0.0.1:1"))
    content = yaml.safe_load(config.read_text())
    content["symbols_file"] = str(coins)
    content["symbols"] = ["ETH-USD", "tier1"]
    config.write_text(yaml.safe_dump(content))
    return config


def point(config: Path, vendors: Vendors) -> None:
    content = yaml.safe_load(config.read_text())
    content["polygon"] |= {"rest_url": vendors.polygon, "calls_per_minute": 0, "timeout_s": 2}
    content["kraken"] |= {"rest_url": vendors.kraken, "timeout_s": 2}
    config.write_text(yaml.safe_dump(content))


def shown(config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert run(["--config", str(config), "symbols", "--json", *options]) == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    content["symbols"] = {row["symbol"]: row for row in content["symbols"]}
    return content


def store_bars(config: Path, symbol: str, minutes: int) -> BarStore:
    store = BarStore(Path(yaml.safe_load(config.read_text())["data_dir"]) / "bars", 60)
    closes = [FIRST + timedelta(minutes=n) for n in range(minutes)]
    values = {name: np.full(minutes, 10.0) for name in ("open", "high", "low", "close", "volume")}
    store.write(symbol, bar_frame(pd.DatetimeIndex(closes), values))
    return store


def test_each_coin_is_told_from_both_vendors_and_the_store(
    settings: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    point(settings, vendors)
    store = store_bars(settings, "BTC-USD", 100)
    now = datetime.now(UTC)
    half = FIRST + (now - FIRST) / 2
    Coverage.of(store.folder, "BTC-USD").add((FIRST, half), Source.REST, now)
    told = shown(settings, capsys)
    rows = told["symbols"]
    assert list(rows) == ["BTC-USD", "SOL-USD", "MKR-USD", "NOPE-USD", "ETH-USD"]
    assert told["problems"] == {"polygon": None, "kraken": None}
    bitcoin = rows["BTC-USD"]
    assert (bitcoin["tier"], bitcoin["followed"], bitcoin["polygon"]) == ("tier1", True, "listed")
    assert (bitcoin["kraken"], bitcoin["kraken_status"]) == (True, "online")
    assert (bitcoin["minimum_size"], bitcoin["minimum_cost"]) == ("0.0001", "0.5")
    assert (bitcoin["first_bar"], bitcoin["bars"]) == (FIRST.isoformat(), 100)
    assert bitcoin["last_bar"] == (FIRST + timedelta(minutes=99)).isoformat()
    assert bitcoin["covered"] == pytest.approx(0.5, abs=0.01)
    assert bitcoin["names"]["kraken_rest"] == "XXBTZUSD"


def test_delisted_renamed_and_unknown_coins_are_reported(
    settings: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    point(settings, vendors)
    rows = shown(settings, capsys)["symbols"]
    assert (rows["MKR-USD"]["polygon"], rows["MKR-USD"]["kraken"]) == ("delisted", False)
    assert rows["MKR-USD"]["notes"] == [
        "Polygon.io lists MKR-USD no longer; "
        "it is SKY-USD since 2025-09, 24,000 for one: name that in symbols"
    ]
    assert rows["NOPE-USD"]["polygon"] == "unlisted"
    assert rows["NOPE-USD"]["first_bar"] is None


def test_the_table_says_the_same_in_words(
    settings: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    point(settings, vendors)
    assert run(["--config", str(settings), "symbols", "--tier", "tier2"]) == 0
    out = capsys.readouterr().out
    assert "BTC-USD" not in out
    assert "NOPE-USD: Polygon.io lists no NOPE-USD; correct it" in out
    assert "2 coins, 0 followed (*), 0 listed at Polygon.io on " in out
    assert "0 traded at Kraken, 0 with bars" in out


def test_without_the_vendors_the_rest_is_shown(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_bars(settings, "BTC-USD", 3)
    told = shown(settings, capsys)
    assert "Polygon.io cannot be reached" in told["problems"]["polygon"]
    assert "Kraken cannot be reached" in told["problems"]["kraken"]
    assert told["listing_of"] is None
    bitcoin = told["symbols"]["BTC-USD"]
    assert (bitcoin["polygon"], bitcoin["kraken"], bitcoin["bars"]) == (None, None, 3)


def test_without_one_vendor_the_other_is_shown(
    settings: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    point(settings, Vendors(vendors.polygon, "http://127.0.0.1:1"))
    told = shown(settings, capsys)
    assert told["problems"]["polygon"] is None
    assert "Kraken cannot be reached" in told["problems"]["kraken"]
    assert told["symbols"]["SOL-USD"]["polygon"] == "listed"


def test_a_refused_key_is_said_and_the_rest_is_shown(
    settings: Path,
    vendors: Vendors,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point(settings, vendors)
    for key, sentence in (("", "no Polygon.io key; set"), ("wrong", "refused the key")):
        monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", key)
        assert run(["--config", str(settings), "symbols"]) == 0
        out, errors = capsys.readouterr()
        assert sentence in errors
        assert "2 traded at Kraken" not in out
        assert "3 traded at Kraken" in out


def test_offline_shows_what_was_listed_last_and_asks_nobody(
    settings: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    point(settings, vendors)
    asked = shown(settings, capsys)
    point(settings, Vendors("http://127.0.0.1:1", "http://127.0.0.1:1"))
    told = shown(settings, capsys, "--offline")
    assert told["problems"] == {"polygon": None, "kraken": None}
    assert told["listing_of"] == asked["listing_of"]
    assert told["symbols"]["MKR-USD"]["polygon"] == "delisted"
    assert told["symbols"]["BTC-USD"]["kraken"] is None


def test_a_vendor_that_fails_now_is_quoted_from_before(
    settings: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    point(settings, vendors)
    shown(settings, capsys)
    point(settings, Vendors("http://127.0.0.1:1", vendors.kraken))
    told = shown(settings, capsys)
    assert "Polygon.io cannot be reached" in told["problems"]["polygon"]
    assert told["symbols"]["SOL-USD"]["polygon"] == "listed"


def test_damaged_bars_are_named_and_the_rest_is_shown(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_bars(settings, "BTC-USD", 3)
    [path] = (store.folder / "BTC-USD").glob("2026-01.parquet")
    path.write_bytes(b"PAR1 and nothing more")
    row = shown(settings, capsys, "--offline")["symbols"]["BTC-USD"]
    assert row["bars"] == 0
    assert "2026-01.parquet" in row["notes"][0]


def test_coins_can_be_chosen(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_bars(settings, "XRP-USD", 3)
    assert "XRP-USD" in shown(settings, capsys, "--offline")["symbols"]
    chosen = shown(settings, capsys, "--offline", "--symbols", "XRP-USD,BTC-USD")["symbols"]
    assert list(chosen) == ["XRP-USD", "BTC-USD"]
    tier = shown(settings, capsys, "--offline", "--tier", "tier1")["symbols"]
    assert list(tier) == ["BTC-USD", "SOL-USD"]


def test_an_unknown_tier_is_answered_with_the_tiers(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(settings), "symbols", "--tier", "tier9"]) == 1
    assert "tier9 is no tier; " in capsys.readouterr().err
