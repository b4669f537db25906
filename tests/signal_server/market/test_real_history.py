"""Real bars through REST and all of its faults into the store: bar for bar what they were."""

import asyncio
import itertools
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market_sim.faults import FaultName
from market_sim.histories import minutes_of, symbol_of
from market_sim.market import SimMarket
from signal_server.market import polygon as polygon_module
from signal_server.market.history import BackfillRequest, Outcome, backfill
from signal_server.market.patience import Patience
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from signal_server.market.vendor import PACKAGES
from tests.real_data import FOLDER, market_file
from tests.signal_server.market.vendor import KEY, serving

FILES = sorted(path.name for path in FOLDER.glob("*.parquet")) or ["BTCUSDT.parquet"]
BARS = 5_000
COLUMNS = ["open", "high", "low", "close", "volume"]
SLOW = {FaultName.REST_STALL, FaultName.REST_SLOW_DRIP, FaultName.REST_RETRY_AFTER}
QUICK = [name for name in FaultName if name.startswith("rest_") and name not in SLOW]
SOME_TRIES = Patience(60.0, shortest_s=0.001, longest_s=0.01)


def across_its_longest_gap(path: Path) -> pd.DataFrame:
    """Return the bars around the longest time without one, or the newest if there is none."""
    bars = pd.read_parquet(path).sort_values("timestamp")
    middle = int(bars["timestamp"].diff().fillna(pd.Timedelta(0)).argmax())
    first = max(0, min(middle - BARS // 2, len(bars) - BARS))
    return bars.iloc[first : first + BARS]


def market_of(path: Path) -> SimMarket:
    """Return a market that has all of the file behind it."""
    table, first = minutes_of(path), pd.read_parquet(path, columns=["timestamp"])["timestamp"].min()
    start = pd.Timestamp(first).tz_convert("UTC").to_pydatetime()
    return SimMarket(
        {symbol_of(path): table},
        description="a real file",
        bar_seconds=60,
        live_start=start + timedelta(minutes=len(table)),
        history_bars=len(table),
    )


@pytest.mark.parametrize(
    ("name", "client"), list(zip(FILES, itertools.cycle(PACKAGES), strict=False))
)
async def test_a_real_file_comes_through_every_fault_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, client: str
) -> None:
    monkeypatch.setattr(polygon_module, "PAGE_BARS", 1_500)
    source = across_its_longest_gap(market_file(name))
    source.to_parquet(tmp_path / name)
    market = market_of(tmp_path / name)
    (symbol,) = market.symbols
    end = market.live_start
    request = BackfillRequest((symbol,), end - timedelta(minutes=market.history_bars), end)
    store = BarStore(tmp_path / "bars", 60)
    async with serving(market) as served:
        for fault in QUICK:
            served.faults.on(fault, probability=0.04)
        config = served.config().model_copy(update={"client": client})
        history = PolygonHistory(config, KEY, 60, patience=SOME_TRIES)
        (result,) = await asyncio.to_thread(
            backfill, history, store, request, lambda: end + timedelta(minutes=5), lambda _: None
        )
    assert served.faults.happened
    assert result.outcome is Outcome.COMPLETE, result.reason
    found = store.read(symbol)
    starts = pd.DatetimeIndex(source["timestamp"])
    assert (found.index - pd.Timedelta(minutes=1) == starts).all()
    np.testing.assert_array_equal(found[COLUMNS].to_numpy(), source[COLUMNS].to_numpy("float64"))
    if "transactions" in source:
        np.testing.assert_array_equal(found["transactions"], source["transactions"])
    assert store.revisions(symbol).empty
