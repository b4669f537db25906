"""A backfill fetches what is missing, once, and says what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import pytest

from market_sim.faults import FaultName
from signal_server.core.clock import utc_now
from signal_server.core.errors import (
    MarketDataError,
    NoHistoryError,
    UnknownSymbolError,
    VendorAuthError,
)
from signal_server.market import history as history_module
from signal_server.market.history import BackfillProgress, BackfillRequest, BackfillResult, backfill
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.conftest import HISTORY_BARS, KEY, Vendor, polygon


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with polygon() as running:
        yield running


class Counted(PolygonHistory):
    """The real history, counting what it is asked for; the call `fails_at` fails."""

    asked: list[tuple[str, datetime, datetime]]
    fails_at = 0

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        self.asked = [*getattr(self, "asked", []), (symbol, start, end)]
        if len(self.asked) == self.fails_at:
            raise MarketDataError("cut off")
        return super().bars(symbol, start, end)


def request(vendor: Vendor, symbols: tuple[str, ...] = ("BTC-USD",)) -> BackfillRequest:
    """Ask for the vendor's whole history and nothing of the live part."""
    start = vendor.market.live_start - timedelta(seconds=HISTORY_BARS)
    return BackfillRequest(symbols, start, vendor.market.live_start)


async def run(
    vendor: Vendor,
    store: BarStore,
    wanted: BackfillRequest | None = None,
    history: PolygonHistory | None = None,
) -> tuple[list[BackfillResult], list[BackfillProgress]]:
    """Run a backfill in a thread: it blocks."""
    reports: list[BackfillProgress] = []
    source = history or PolygonHistory(vendor.config, KEY, 1)
    # The last bars of the history must be over, whenever the test runs.
    await asyncio.sleep(max(0.0, (vendor.market.live_start - utc_now()).total_seconds()))
    results = await asyncio.to_thread(
        backfill, source, store, wanted or request(vendor), utc_now, reports.append
    )
    return results, reports


async def test_all_bars_come_as_the_vendor_has_them(vendor: Vendor, store: BarStore) -> None:
    wanted = request(vendor, ("BTC-USD", "ETH-USD"))
    results, reports = await run(vendor, store, wanted)
    for result in results:
        true = vendor.market.bars(result.symbol, wanted.start, wanted.end)
        found = store.read(result.symbol)
        assert found["close"].tolist() == [bar.close for bar in true]
        assert found["transactions"].tolist() == [bar.transactions for bar in true]
        assert result.new_bars == len(true) == HISTORY_BARS
    assert reports[-1].share == 1.0


async def test_a_second_run_asks_for_the_newest_bars_only(vendor: Vendor, store: BarStore) -> None:
    await run(vendor, store)
    history = Counted(vendor.config, KEY, 1)
    results, _ = await run(vendor, store, history=history)
    assert results[0].new_bars == 0
    ((_, start, end),) = history.asked
    assert end - start <= timedelta(seconds=history_module.OVERLAP_BARS)


async def test_a_run_that_was_cut_off_goes_on_where_it_was(
    vendor: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(history_module.CHUNKS, 1, timedelta(seconds=100))
    history = Counted(vendor.config, KEY, 1)
    history.fails_at = 3
    with pytest.raises(MarketDataError, match="cut off"):
        await run(vendor, store, history=history)
    again = Counted(vendor.config, KEY, 1)
    results, _ = await run(vendor, store, history=again)
    assert len(again.asked) == 1
    assert results[0].stored_bars == HISTORY_BARS


async def test_a_bar_that_is_not_over_is_not_stored(vendor: Vendor, store: BarStore) -> None:
    ahead = replace(request(vendor), end=utc_now() + timedelta(hours=1))
    await run(vendor, store, ahead)
    assert store.read("BTC-USD").index[-1] <= pd.Timestamp(utc_now())


async def test_an_unknown_symbol_is_refused_before_anything_is_fetched(
    vendor: Vendor, store: BarStore
) -> None:
    with pytest.raises(UnknownSymbolError, match="NOPE-USD"):
        await run(vendor, store, request(vendor, ("BTC-USD", "NOPE-USD")))
    assert store.symbols() == ()


@pytest.mark.parametrize("key", ["wrong", ""])
async def test_a_wrong_or_missing_key_is_explained(
    vendor: Vendor, store: BarStore, key: str
) -> None:
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
        await run(vendor, store, history=PolygonHistory(vendor.config, key, 1))


async def test_a_period_without_bars_is_an_error(vendor: Vendor, store: BarStore) -> None:
    wanted = request(vendor)
    early = replace(wanted, start=wanted.start - timedelta(days=2), end=wanted.start)
    with pytest.raises(NoHistoryError, match="no bars of BTC-USD"):
        await run(vendor, store, early)


@pytest.mark.parametrize("fault", [FaultName.REST_BROKEN_JSON, FaultName.REST_EMPTY_PAGE])
async def test_a_broken_answer_is_an_error_and_not_an_empty_history(
    vendor: Vendor, store: BarStore, fault: FaultName
) -> None:
    vendor.faults.on(fault)
    with pytest.raises(MarketDataError):
        await run(vendor, store)
    vendor.faults.off(fault)
    results, _ = await run(vendor, store)
    assert results[0].stored_bars == HISTORY_BARS


@pytest.mark.parametrize("fault", [FaultName.REST_SERVER_ERROR, FaultName.REST_RATE_LIMIT])
async def test_a_passing_failure_is_tried_again(
    vendor: Vendor, store: BarStore, fault: FaultName
) -> None:
    vendor.faults.on(fault, remaining=2)
    results, _ = await run(vendor, store)
    assert results[0].stored_bars == HISTORY_BARS


async def test_a_vendor_out_of_reach_is_said_in_one_sentence(
    vendor: Vendor, store: BarStore
) -> None:
    nowhere = vendor.config.model_copy(update={"rest_url": "http://127.0.0.1:9"})
    with pytest.raises(MarketDataError, match="cannot be reached"):
        await run(vendor, store, history=PolygonHistory(nowhere, KEY, 1))
