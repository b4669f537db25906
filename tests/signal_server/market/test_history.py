"""A backfill fetches what is missing, once, and says what is wrong."""

import asyncio
from datetime import datetime, timedelta

import pandas as pd
import pytest

from market_sim.faults import FaultName
from signal_server.core.errors import (
    MarketDataError,
    NoHistoryError,
    UnknownSymbolError,
    VendorAuthError,
)
from signal_server.market import history as history_module
from signal_server.market import polygon as polygon_module
from signal_server.market.history import (
    BackfillProgress,
    BackfillRequest,
    BackfillResult,
    History,
    backfill,
)
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import HISTORY_BARS, KEY, SYMBOLS, Vendor

ONE = SYMBOLS[:1]


class Watched:
    """A history that notes what it is asked for, and can fail at a chosen request."""

    def __init__(self, source: History, fail_at: int | None = None) -> None:
        self._source = source
        self._fail_at = fail_at
        self.asked: list[tuple[str, datetime, datetime]] = []

    def check_listed(self, symbol: str) -> None:
        self._source.check_listed(symbol)

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        if len(self.asked) == self._fail_at:
            raise MarketDataError("the connection is gone")
        self.asked.append((symbol, start, end))
        return self._source.bars(symbol, start, end)


def history_of(served: Vendor, key: str = KEY) -> PolygonHistory:
    return PolygonHistory(served.config(), key, served.market.bar_seconds)


def whole(served: Vendor, symbols: tuple[str, ...] = SYMBOLS) -> BackfillRequest:
    live_start = served.market.live_start
    return BackfillRequest(symbols, live_start - timedelta(seconds=HISTORY_BARS), live_start)


async def run(
    history: History, store: BarStore, request: BackfillRequest, served: Vendor
) -> tuple[list[BackfillResult], list[BackfillProgress]]:
    """Run a backfill in a thread: it blocks."""
    reports: list[BackfillProgress] = []
    results = await asyncio.to_thread(
        backfill, history, store, request, served.clock, reports.append
    )
    return results, reports


async def test_all_bars_come_as_the_vendor_has_them(served: Vendor, store: BarStore) -> None:
    request = whole(served)
    results, reports = await run(history_of(served), store, request, served)
    assert results == [BackfillResult(s, HISTORY_BARS, 0, HISTORY_BARS) for s in SYMBOLS]
    for symbol in SYMBOLS:
        stored, true = (
            store.read(symbol),
            served.market.bars(symbol, request.start, request.end),
        )
        assert stored["close"].tolist() == [bar.close for bar in true]
        assert stored["transactions"].tolist() == [bar.transactions for bar in true]
        assert stored.index[0] == request.start + timedelta(seconds=1)
        assert stored.index[-1] == request.end
    shares = [r.share for r in reports if r.symbol == SYMBOLS[0]]
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)


async def test_a_second_run_asks_for_the_newest_bars_only(served: Vendor, store: BarStore) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    again = Watched(history_of(served))
    results, _ = await run(again, store, request, served)
    assert results[0].new_bars == 0
    overlap = timedelta(seconds=history_module.OVERLAP_BARS)
    assert again.asked == [(SYMBOLS[0], request.end - overlap, request.end)]
    assert store.revisions(SYMBOLS[0]).empty


async def test_what_the_error_of_a_damaged_month_advises_brings_its_bars_back(
    served: Vendor, store: BarStore
) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    before = store.read(SYMBOLS[0])
    months = sorted((store.folder / SYMBOLS[0]).glob("*.parquet"))
    months[0].write_bytes(b"PAR1")
    with pytest.raises(MarketDataError, match=r"delete it and coverage\.json beside it"):
        store.read(SYMBOLS[0])
    for path in (months[0], months[0].with_name("coverage.json")):
        path.unlink()
    await run(history_of(served), store, request, served)
    assert store.read(SYMBOLS[0]).equals(before)


async def test_a_run_that_was_cut_off_goes_on_where_it_was(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(history_module.CHUNKS, 1, timedelta(seconds=100))
    request = whole(served, ONE)
    with pytest.raises(MarketDataError, match="connection is gone"):
        await run(Watched(history_of(served), fail_at=2), store, request, served)
    assert len(store.read(SYMBOLS[0])) == 200
    rest = Watched(history_of(served))
    results, _ = await run(rest, store, request, served)
    assert results == [BackfillResult(SYMBOLS[0], 200, 0, HISTORY_BARS)]
    assert rest.asked[0][1] == request.start + timedelta(seconds=200)


@pytest.mark.parametrize("key", ["wrong", ""])
async def test_a_wrong_or_missing_key_is_explained(
    served: Vendor, store: BarStore, key: str
) -> None:
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
        await run(history_of(served, key), store, whole(served), served)
    assert store.symbols() == ()


async def test_an_unknown_symbol_stops_all_before_the_first_bar(
    served: Vendor, store: BarStore
) -> None:
    with pytest.raises(UnknownSymbolError, match="XYZ-USD"):
        await run(history_of(served), store, whole(served, ("BTC-USD", "XYZ-USD")), served)
    assert store.symbols() == ()
    assert not any("/aggs/" in path for path in served.paths)


@pytest.mark.parametrize("fault", [FaultName.REST_BROKEN_JSON, FaultName.REST_EMPTY_PAGE])
async def test_an_answer_that_hides_bars_is_an_error_and_no_hole(
    served: Vendor, store: BarStore, fault: FaultName
) -> None:
    served.faults.on(fault, remaining=1)
    with pytest.raises(MarketDataError, match="nothing was stored, try again"):
        await run(history_of(served), store, whole(served), served)
    assert store.read("BTC-USD").empty
    results, _ = await run(history_of(served), store, whole(served), served)
    assert [r.stored_bars for r in results] == [HISTORY_BARS] * 2


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (FaultName.REST_RATE_LIMIT, r"lower polygon\.calls_per_minute"),
        (FaultName.REST_SERVER_ERROR, "try again"),
    ],
)
async def test_a_vendor_that_refuses_for_ever_is_an_error(
    served: Vendor, store: BarStore, fault: FaultName, advice: str
) -> None:
    served.faults.on(fault)
    with pytest.raises(MarketDataError, match=advice):
        await run(history_of(served), store, whole(served), served)


async def test_a_passing_failure_is_tried_again(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polygon_module, "RETRIES", 3)
    served.faults.on(FaultName.REST_SERVER_ERROR, remaining=2)
    results, _ = await run(history_of(served), store, whole(served), served)
    assert [r.new_bars for r in results] == [HISTORY_BARS] * 2


async def test_a_vendor_out_of_reach_is_said_in_one_sentence(served: Vendor) -> None:
    nowhere = served.config().model_copy(update={"rest_url": "http://127.0.0.1:9"})
    with pytest.raises(MarketDataError, match=r"cannot be reached.*polygon\.rest_url"):
        await asyncio.to_thread(PolygonHistory(nowhere, KEY, 1).check_listed, "BTC-USD")


async def test_a_period_without_bars_is_an_error(served: Vendor, store: BarStore) -> None:
    before = served.market.live_start - timedelta(days=2)
    request = BackfillRequest(ONE, before, before + timedelta(minutes=5))
    with pytest.raises(NoHistoryError, match="no bars of BTC-USD"):
        await run(history_of(served), store, request, served)
