"""`python -m market_sim` serves every stand-in, or says in one sentence why it does not."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from polygon import RESTClient

from market_sim.__main__ import main
from market_sim.server import SimSettings, running
from tests.market_sim.test_histories import REAL, minutes, write
from tests.market_sim.vendor import KEY, seeded_market

PATIENCE_S = 60


@asynccontextmanager
async def serving(folder: Path, *options: str) -> AsyncIterator[dict[str, Any]]:
    """Run the command until the block ends; yield what its ready file says."""
    ready = folder / "ready.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_sim", "--bar-seconds", "1", "--ready-file", str(ready)),
        *options,
        stdout=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not ready.exists():
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield json.loads(ready.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def history(address: str, ticker: str, key: str, until: datetime) -> list[Any]:
    client = RESTClient(key, base=address)
    first = until - timedelta(days=1)
    last = until - timedelta(seconds=1)
    asked = client.list_aggs(ticker, 1, "second", first, last, limit=1_500)
    return await asyncio.to_thread(list, asked)


async def test_the_command_serves_a_seeded_market(tmp_path: Path) -> None:
    options = ("--seed", "1", "--history-bars", "2000", "--polygon-key", "k")
    options += ("--kraken-balances", "ZUSD=500,XXBT=1", "--kraken-tier", "starter")
    options += ("--kraken-fault", '{"name": "kraken_too_many_requests", "remaining": 1}')
    options += ("--polygon-fault", '{"name": "rest_overlapping_page", "remaining": 1}')
    async with serving(tmp_path, *options, "--symbols", "BTC-USD,ETH-USD") as told:
        start = datetime.fromisoformat(told["live_start"])
        bars = await history(told["polygon_rest"], "X:ETHUSD", "k", start)
        async with (
            ClientSession() as session,
            session.get(told["kraken_rest"] + "/0/public/Time") as answer,
        ):
            first = await answer.json()
            async with session.get(told["kraken_rest"] + "/0/public/Time") as second:
                kraken = await second.json()
            async with session.get(told["kraken_control"] + "/truth") as control:
                truth = await control.json()
            async with session.get(told["polygon_control"] + "/faults") as struck:
                polygon = await struck.json()
    assert first["error"] == ["EGeneral:Too many requests"]
    assert truth["balances"] == {"ZUSD": "500", "XXBT": "1"}
    assert polygon == {"rest_overlapping_page": 1}
    assert len(bars) == 2_005
    assert kraken["error"] == []
    assert told["symbols"] == ["BTC-USD", "ETH-USD"]
    assert "seeded model of a market" in told["market"]
    assert told.keys() >= {"polygon_feed", "kraken_ws"}


async def test_the_command_replays_files_at_a_minute_a_second(tmp_path: Path) -> None:
    file = write(tmp_path, minutes(300))
    options = ("--data", str(file), "--history-bars", "200", "--live-bars", "100")
    async with serving(tmp_path, *options) as told:
        start = datetime.fromisoformat(told["live_start"])
        bars = await history(told["polygon_rest"], "X:BTCUSD", "demo-key", start)
    # The last bar before the start may be under way when the client asks.
    assert [bar.close for bar in bars[:-1]] == minutes(300)["close"].tolist()[:199]
    assert bars[1].timestamp - bars[0].timestamp == 1_000
    assert "replay of real bars (BTCUSDT.parquet)" in told["market"]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real bars in {REAL}; set MARKET_DATA_DIR")
async def test_the_command_replays_real_bars_of_two_coins(tmp_path: Path) -> None:
    files = ",".join(str(REAL / f"{coin}USDT.parquet") for coin in ("BTC", "ETH"))
    async with serving(tmp_path, "--data", files, "--history-bars", "20000") as told:
        start = datetime.fromisoformat(told["live_start"])
        bars = await history(told["polygon_rest"], "X:ETHUSD", "demo-key", start)
    assert told["symbols"] == ["BTC-USD", "ETH-USD"]
    assert len(bars) == 20_000


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--data", "BTCUSDT.parquet"), "BTCUSDT.parquet cannot be read as Parquet"),
        (("--symbols", "bitcoin"), "'bitcoin' is no symbol"),
        (("--ready-file", "nowhere/ready.json"), "nowhere is no folder"),
    ],
)
def test_what_cannot_be_served_is_refused_in_a_sentence(
    tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    refused = subprocess.run(  # noqa: S603 (the command under test)
        [sys.executable, "-m", "market_sim", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert says in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--kraken-fault", '{"name": "bad_luck"}', "'bad_luck' is not a valid FaultName"),
        ("--kraken-fault", '{"name": "kraken_busy", "colour": 1}', "a fault has no colour"),
        ("--kraken-balances", "lots", "lots is not like ZUSD=10000,XXBT=1"),
        ("--kraken-tier", "gold", "gold is no tier of Kraken's"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    says: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["market_sim", option, value])
    with pytest.raises(SystemExit):
        main()
    assert says in capsys.readouterr().err


async def test_stand_ins_of_one_process_show_one_market() -> None:
    market = seeded_market()

    def clock() -> datetime:
        return market.live_start + timedelta(seconds=30)

    async with running(market, SimSettings(KEY), clock) as stand_ins:
        bars = await history(
            stand_ins.polygon_rest, "X:BTCUSD", KEY, clock() + timedelta(seconds=1)
        )
        url = stand_ins.kraken_addresses.rest_url + "/0/public/Depth?pair=XBTUSD&count=1"
        async with ClientSession() as session, session.get(url) as answer:
            book = next(iter((await answer.json())["result"].values()))
    ask, bid = float(book["asks"][0][0]), float(book["bids"][0][0])
    assert bars[-1].close == market.price_at("BTC-USD", clock())
    assert (ask + bid) / 2 == pytest.approx(bars[-1].close, rel=1e-3)
