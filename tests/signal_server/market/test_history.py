"""A backfill fetches what is missing, once, and says what is wrong."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from market_sim.faults import FaultName
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from signal_server.core.clock import utc_now
from signal_server.core.errors import (
    MarketDataError,
    NotEntitledError,
    UnavailableError,
    VendorAuthError,
)
from signal_server.market import filling as filling_module
from signal_server.market import pieces as pieces_module
from signal_server.market.coverage import Coverage, Source
from signal_server.market.history import (
    BackfillProgress,
    BackfillRequest,
    BackfillResult,
    History,
    Outcome,
    backfill,
)
from signal_server.market.patience import Patience
from signal_server.market.plan import CLOCK_MARGIN
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import HISTORY_BARS, KEY, SYMBOLS, Vendor, serving, vendor

ONE = SYMBOLS[:1]
MARGIN_BARS = int(CLOCK_MARGIN.total_seconds())
SOME_TRIES = Patience(5.0, shortest_s=0.001, longest_s=0.01)


class Watched:
    """A history that notes what it is asked for, and can do something else at chosen requests."""

    def __init__(
        self, source: History, instead: Callable[[int, pd.DataFrame], pd.DataFrame] | None = None
    ) -> None:
        self._source = source
        self._instead = instead
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.stopped = False
        self.tells_days = True

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        self.asked.append((symbol, start, end))
        frame = self._source.bars(symbol, start, end)
        return self._instead(len(self.asked), frame) if self._instead else frame

    def traded_days(self, symbol: str, start: datetime, end: datetime) -> frozenset[date]:
        if not self.tells_days:
            raise NotEntitledError("the plan does not include that; begin later")
        return self._source.traded_days(symbol, start, end)

    def stop(self) -> None:
        self.stopped = True
        self._source.stop()


@pytest.fixture(autouse=True)
def _settled(served: Vendor) -> None:
    """Let the newest bar of the history be over for any clock."""
    served.step += MARGIN_BARS


def history_of(served: Vendor, key: str = KEY, patience: Patience | None = None) -> PolygonHistory:
    return PolygonHistory(served.config(), key, served.market.bar_seconds, patience=patience)


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


def assert_all_is_there(served: Vendor, store: BarStore, symbols: tuple[str, ...]) -> None:
    request = whole(served)
    for symbol in symbols:
        stored = store.read(symbol)
        true = served.market.bars(symbol, request.start or request.end, request.end)
        assert stored["close"].tolist() == [bar.close for bar in true]
        assert stored["transactions"].tolist() == [bar.transactions for bar in true]
        assert stored.index[-1] == request.end
        assert store.revisions(symbol).empty


async def test_all_bars_come_as_the_vendor_has_them(served: Vendor, store: BarStore) -> None:
    request = whole(served)
    results, reports = await run(history_of(served), store, request, served)
    assert results == [BackfillResult(s, Outcome.COMPLETE, HISTORY_BARS) for s in SYMBOLS]
    assert_all_is_there(served, store, SYMBOLS)
    done = [report.done for report in reports if report.symbol == SYMBOLS[0]]
    assert done == sorted(done)
    last = [report for report in reports if report.symbol == SYMBOLS[0]][-1]
    assert last.done == last.requests
    assert last.new_bars == HISTORY_BARS


async def test_what_was_fetched_is_noted_with_its_source_and_time(
    served: Vendor, store: BarStore
) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    (record,) = Coverage.of(store.folder, SYMBOLS[0]).records()
    assert (record.start, record.end) == (request.start, request.end)
    assert (record.source, record.at) == (Source.REST, served.clock())


async def test_a_second_run_asks_for_nothing(served: Vendor, store: BarStore) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    again = Watched(history_of(served))
    results, _ = await run(again, store, request, served)
    assert results == [BackfillResult(SYMBOLS[0], Outcome.COMPLETE)]
    assert again.asked == []


async def test_a_later_run_asks_for_the_newest_bars_again_which_may_have_been_revised(
    served: Vendor, store: BarStore
) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    served.step += 20
    later = BackfillRequest(ONE, None, request.end + timedelta(hours=1))
    again = Watched(history_of(served))
    results, _ = await run(again, store, later, served)
    assert results[0].new_bars == 20
    overlap = timedelta(seconds=filling_module.OVERLAP_BARS)
    assert again.asked == [(SYMBOLS[0], request.end - overlap, request.end + timedelta(seconds=20))]


async def test_a_bar_is_not_asked_for_before_it_is_over_for_any_clock(
    served: Vendor, store: BarStore
) -> None:
    request = BackfillRequest(ONE, whole(served).start, served.clock() + timedelta(hours=1))
    served.step += 1
    await run(history_of(served), store, request, served)
    assert store.last_close(SYMBOLS[0]) == served.clock() - CLOCK_MARGIN


async def test_without_a_start_it_begins_with_the_oldest_bar_held(
    served: Vendor, store: BarStore
) -> None:
    start = served.market.live_start - timedelta(seconds=50)
    held = await asyncio.to_thread(
        history_of(served).bars, SYMBOLS[0], start, start + timedelta(seconds=3)
    )
    store.write(SYMBOLS[0], held)
    request = BackfillRequest(ONE, None, served.market.live_start)
    results, _ = await run(history_of(served), store, request, served)
    assert results[0].new_bars == 47


async def test_what_the_error_of_a_damaged_month_advises_brings_its_bars_back(
    served: Vendor, store: BarStore
) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    before = store.read(SYMBOLS[0])
    months = sorted((store.folder / SYMBOLS[0]).glob("*.parquet"))
    months[0].write_bytes(b"PAR1")
    with pytest.raises(MarketDataError):
        store.read(SYMBOLS[0])
    months[0].unlink()
    Coverage.of(store.folder, SYMBOLS[0]).remove(
        (before.index[0] - timedelta(days=31), request.end)
    )
    await run(history_of(served), store, request, served)
    assert store.read(SYMBOLS[0]).equals(before)


async def test_a_run_that_was_cut_off_goes_on_at_the_same_request(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pieces_module.PIECES, 1, timedelta(seconds=100))

    def gone_at_the_third(request: int, frame: pd.DataFrame) -> pd.DataFrame:
        if request == 3:
            raise MarketDataError("the connection is gone")
        return frame

    cut = Watched(history_of(served), gone_at_the_third)
    results, _ = await run(cut, store, whole(served, ONE), served)
    assert results[0].outcome is Outcome.FAILED
    assert results[0].reason == "the connection is gone"
    assert 100 < results[0].new_bars == len(store.read(SYMBOLS[0])) < 300
    rest = Watched(history_of(served))
    await run(rest, store, whole(served, ONE), served)
    assert rest.asked[0] == cut.asked[2]
    assert_all_is_there(served, store, ONE)


@pytest.mark.parametrize("key", ["wrong", ""])
async def test_a_wrong_or_missing_key_is_explained(
    served: Vendor, store: BarStore, key: str
) -> None:
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
        await run(history_of(served, key), store, whole(served), served)
    assert store.symbols() == ()


async def test_one_symbol_s_failure_leaves_the_others_alone(
    served: Vendor, store: BarStore
) -> None:
    results, _ = await run(history_of(served), store, whole(served, (*SYMBOLS, "NOPE-USD")), served)
    assert [result.outcome for result in results] == [
        *[Outcome.COMPLETE] * 2,
        Outcome.NO_BARS,
    ]
    assert_all_is_there(served, store, SYMBOLS)


async def test_when_the_vendor_is_down_nobody_waits_for_it_a_second_time(
    served: Vendor, store: BarStore
) -> None:
    served.faults.on(FaultName.REST_SERVER_ERROR)
    watched = Watched(history_of(served))
    results, _ = await run(watched, store, whole(served), served)
    assert watched.stopped
    assert {result.outcome for result in results} <= {Outcome.FAILED, Outcome.STOPPED}
    assert any("502" in result.reason for result in results)


async def test_ctrl_c_ends_all_threads_also_those_that_wait(
    served: Vendor, store: BarStore
) -> None:
    served.faults.on(FaultName.REST_RATE_LIMIT)
    waiting = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupt(_: object) -> None:
        loop.call_soon_threadsafe(waiting.set)

    patient = PolygonHistory(
        served.config(), KEY, 1, patience=Patience(3600, 600, 600), on_wait=interrupt
    )
    task = asyncio.ensure_future(run(patient, store, whole(served), served))
    await waiting.wait()
    patient.stop()
    results, _ = await task
    assert [result.outcome for result in results] == [Outcome.STOPPED] * 2


async def test_bars_that_are_none_are_asked_for_once_more(served: Vendor, store: BarStore) -> None:
    served.faults.on(FaultName.REST_IMPOSSIBLE_BAR, remaining=1)
    results, _ = await run(history_of(served), store, whole(served, ONE), served)
    assert results == [BackfillResult(SYMBOLS[0], Outcome.COMPLETE, HISTORY_BARS)]
    assert_all_is_there(served, store, ONE)


async def test_bars_that_stay_impossible_are_counted_and_left_out(
    served: Vendor, store: BarStore
) -> None:
    table = served.market._tables["BTC-USD"]
    table.high[100], table.volume[101] = 1.0, -5.0
    results, _ = await run(history_of(served), store, whole(served, ONE), served)
    assert results == [BackfillResult("BTC-USD", Outcome.COMPLETE, HISTORY_BARS - 2, 2)]


@pytest.mark.parametrize("fault", [name for name in FaultName if name.startswith("rest_")])
async def test_no_fault_of_rest_costs_or_changes_a_bar(
    served: Vendor, store: BarStore, fault: FaultName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pieces_module.PIECES, 1, timedelta(seconds=60))
    monkeypatch.setattr("signal_server.market.polygon.PAGE_BARS", 25)
    slow = {FaultName.REST_STALL, FaultName.REST_SLOW_DRIP, FaultName.REST_RETRY_AFTER}
    served.faults.on(fault, probability=0.25, remaining=2 if fault in slow else None)
    history = PolygonHistory(served.config(timeout_s=0.2), KEY, 1, patience=SOME_TRIES)
    await run(history, store, whole(served, ONE), served)
    assert served.faults.happened[fault]
    assert_all_is_there(served, store, ONE)


async def test_a_vendor_that_refuses_for_ever_is_an_error(served: Vendor) -> None:
    served.faults.on(FaultName.REST_RATE_LIMIT)
    with pytest.raises(UnavailableError, match=r"lower polygon\.calls_per_minute"):
        await asyncio.to_thread(history_of(served).listed)


async def test_a_vendor_out_of_reach_is_said_in_one_sentence(served: Vendor) -> None:
    nowhere = served.config().model_copy(update={"rest_url": "http://127.0.0.1:9"})
    with pytest.raises(UnavailableError, match=r"cannot be reached.*polygon\.rest_url"):
        await asyncio.to_thread(PolygonHistory(nowhere, KEY, 1).listed)


async def test_months_before_a_coin_was_traded_are_not_asked_for_one_by_one(
    tmp_path: Path,
) -> None:
    store = BarStore(tmp_path, 60)
    async with vendor(60) as served:
        end = served.market.live_start
        request = BackfillRequest(ONE, end - timedelta(days=700), end + timedelta(minutes=30))
        served.step += 40
        results, _ = await run(history_of(served), store, request, served)
        bars = [path for path in served.paths if "/minute/" in path]
    assert results[0].outcome is Outcome.COMPLETE
    assert results[0].new_bars == HISTORY_BARS + 30
    assert len(bars) <= 4
    assert Coverage.of(store.folder, SYMBOLS[0]).missing((request.start or end, end)) == []


async def test_what_the_plan_does_not_include_is_said_and_the_rest_is_fetched(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pieces_module.PIECES, 1, timedelta(seconds=30))

    def recent_only(request: int, frame: pd.DataFrame) -> pd.DataFrame:
        if request == 1:
            raise NotEntitledError("the plan does not include that; begin later")
        return frame

    watched = Watched(history_of(served), recent_only)
    watched.tells_days = False
    results, _ = await run(watched, store, whole(served, ONE), served)
    assert results[0].outcome is Outcome.NOT_ENTITLED
    assert "begin later" in results[0].reason
    assert results[0].new_bars > 200
    assert Coverage.of(store.folder, SYMBOLS[0]).missing(
        (watched.asked[0][1], whole(served).end)
    ) == [watched.asked[0][1:]]


async def test_a_day_whose_bars_are_hidden_stays_open_and_the_rest_is_kept(tmp_path: Path) -> None:
    days, end = 4, datetime(2026, 1, 9, tzinfo=UTC)
    market = SimMarket(
        seeded_histories(ONE, 7, days * 1440),
        description="some days",
        bar_seconds=60,
        live_start=end,
        history_bars=days * 1440,
    )
    request = BackfillRequest(ONE, end - timedelta(days=days), end)
    hidden = (end - timedelta(days=2)).date()

    def without_a_day(_: int, frame: pd.DataFrame) -> pd.DataFrame:
        starts = pd.DatetimeIndex(frame.index) - pd.Timedelta(minutes=1)
        return frame[starts.normalize() != pd.Timestamp(hidden, tz="UTC")]

    def later() -> datetime:
        return end + timedelta(hours=1)

    store = BarStore(tmp_path, 60)
    async with serving(market) as served:
        hiding = Watched(PolygonHistory(served.config(), KEY, 60), without_a_day)
        (result,) = await asyncio.to_thread(backfill, hiding, store, request, later, lambda _: None)
        assert result.outcome is Outcome.FAILED
        assert f"1 days with trades, like {hidden}" in result.reason
        assert result.new_bars == (days - 1) * 1440
        honest = PolygonHistory(served.config(), KEY, 60)
        (result,) = await asyncio.to_thread(backfill, honest, store, request, later, lambda _: None)
    assert (result.outcome, result.new_bars) == (Outcome.COMPLETE, 1440)


@pytest.mark.parametrize("off", [timedelta(seconds=40), timedelta(days=365), timedelta(days=-1)])
async def test_a_clock_that_is_wrong_stores_nothing_and_covers_no_days_to_come(
    served: Vendor, store: BarStore, off: timedelta
) -> None:
    history = PolygonHistory(
        served.config(), KEY, served.market.bar_seconds, clock=lambda: utc_now() + off
    )
    results, _ = await run(history, store, whole(served, ONE), served)
    assert results[0].outcome is Outcome.FAILED
    assert "set the clock" in results[0].reason
    assert store.read(ONE[0]).empty
    assert not Coverage.of(store.folder, ONE[0]).records()


@pytest.mark.parametrize("behind", [timedelta(minutes=3), timedelta(days=1)])
async def test_a_clock_behind_forgets_nothing_that_is_covered(
    served: Vendor, store: BarStore, behind: timedelta
) -> None:
    request = whole(served, ONE)
    await run(history_of(served), store, request, served)
    history = PolygonHistory(
        served.config(), KEY, served.market.bar_seconds, clock=lambda: utc_now() - behind
    )
    wanted = replace(request, start=request.end - timedelta(days=2))
    await asyncio.to_thread(
        backfill, history, store, wanted, lambda: served.clock() - behind, lambda _: None
    )
    assert request.start is not None
    assert Coverage.of(store.folder, ONE[0]).missing((request.start, request.end)) == []


async def test_what_a_clock_ahead_has_covered_is_asked_for_again(
    served: Vendor, store: BarStore
) -> None:
    request = whole(served, ONE)
    later = request.end + timedelta(days=365)
    assert request.start is not None
    Coverage.of(store.folder, ONE[0]).add((request.start, later), Source.REST, later)
    results, _ = await run(history_of(served), store, request, served)
    assert results == [BackfillResult(ONE[0], Outcome.COMPLETE, HISTORY_BARS)]
    assert [record.end for record in Coverage.of(store.folder, ONE[0]).records()] == [request.end]
