"""Real bars through the vendor's flat files, with faults, into the store: bar for bar the same.

Some days of each file; all of them with `WHOLE_FILES=1`, which takes minutes.
"""

import asyncio
import os
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from market_sim.faults import FaultName
from signal_server.market.flat_files.intake import FlatFileIntake, IntakeResult
from signal_server.market.flat_files.ledger import Ledger
from signal_server.market.flat_files.plan import DayState, FlatFileRequest
from signal_server.market.store import BarStore
from tests.real_data import market_file
from tests.signal_server.market.flat_files.conftest import Site

FILES = {
    f"{symbol}-USD": name
    for symbol, name in {
        **{coin: f"{coin}USDT.parquet" for coin in ("BTC", "ETH", "SUI", "TAO", "XRP", "BNB")},
        **{coin: f"{coin}USDT.parquet" for coin in ("BCH", "ALGO", "PEPE", "JUP", "WIF")},
        **{coin: f"{coin}USDT-perp.parquet" for coin in ("FIL", "NEAR")},
        "KRAKENBTC": "BTCUSDC_kraken_1m_2023Q1.parquet",
    }.items()
}
DAYS = 5
COLUMNS = ("open", "high", "low", "close", "volume")
FAULTS = (
    FaultName.FLAT_FILES_RESET,
    FaultName.FLAT_FILES_SERVER_ERROR,
    FaultName.FLAT_FILES_REPUBLISHED,
)


def sample(source: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the bars of some days: the first, the last and others."""
    days = pd.DatetimeIndex(source["timestamp"]).floor("D")
    known = days.unique()
    if os.environ.get("WHOLE_FILES") or len(known) <= DAYS:
        return source
    others = random.Random(seed).sample(list(known[1:-1]), DAYS - 2)
    return source[days.isin([known[0], known[-1], *others])]


async def test_every_real_file_comes_out_as_it_went_in(site: Site, store: BarStore) -> None:
    sources = {
        symbol: sample(pd.read_parquet(market_file(name)), seed)
        for seed, (symbol, name) in enumerate(FILES.items())
    }
    await site.stand_in.publish_bars(sources)
    for fault in FAULTS:
        site.faults.on(fault, probability=0.1)
    result = await asyncio.to_thread(take_in, site, store)
    assert not result.reasons
    assert result.count(DayState.STORED) == len(site.stand_in.published_days)
    assert sum(site.faults.happened.values()) > 5
    for symbol, source in sources.items():
        check(store, symbol, source)


def take_in(site: Site, store: BarStore) -> IntakeResult:
    intake = FlatFileIntake(
        site.bucket(),
        store,
        Ledger(site.folder / "ledger.sqlite"),
        lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    days = site.stand_in.published_days
    request = FlatFileRequest(tuple(FILES), min(days), max(days))
    return intake.run(request, lambda _: None)


def check(store: BarStore, symbol: str, source: pd.DataFrame) -> None:
    found = store.read(symbol)
    starts = pd.DatetimeIndex(source["timestamp"]).as_unit("us")
    assert found.index.equals((starts + timedelta(minutes=1)).rename("close_time")), symbol
    for column in COLUMNS:
        np.testing.assert_array_equal(found[column].to_numpy(), source[column].to_numpy("float64"))
    if "transactions" in source:
        counts = source["transactions"].to_numpy("float64")
        np.testing.assert_array_equal(found["transactions"].to_numpy(), counts)
    assert store.revisions(symbol).empty
    assert store.quarantined(symbol).empty
