"""What REST's pages, pace and silences do to a backfill, and its record of what was fetched."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from signal_server.core.errors import MarketDataError
from signal_server.market import polygon as polygon_module
from signal_server.market.history import BackfillRequest, BackfillResult, Coverage, backfill
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import HISTORY_BARS, KEY, Vendor, serving, vendor

START = datetime(2026, 1, 5, tzinfo=UTC)
SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=6)


async def fill(served: Vendor, folder: Path) -> BackfillResult:
    """Fetch the whole history of one coin."""
    end = served.market.live_start
    request = BackfillRequest(("BTC-USD",), end - timedelta(seconds=HISTORY_BARS), end)
    source = PolygonHistory(served.config(), KEY, 1)
    store = BarStore(folder, 1)
    (result,) = await asyncio.to_thread(
        backfill, source, store, request, served.clock, lambda _: None
    )
    return result


async def test_pages_are_followed_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polygon_module, "PAGE_BARS", 70)
    async with vendor() as served:
        result = await fill(served, tmp_path)
    assert result.new_bars == HISTORY_BARS
    assert sum("/aggs/" in path for path in served.paths) == 6


async def test_impossible_bars_are_counted_and_left_out(tmp_path: Path) -> None:
    async with vendor() as served:
        table = served.market._tables["BTC-USD"]
        table.high[100], table.volume[101] = 1.0, -5.0
        result = await fill(served, tmp_path)
    assert result == BackfillResult("BTC-USD", HISTORY_BARS - 2, 2, HISTORY_BARS - 2)


async def test_every_bar_that_closes_in_the_period_comes_and_none_else(tmp_path: Path) -> None:
    async with vendor(60) as past:
        tables = past.market._tables
    now = datetime.now(UTC)
    market = SimMarket(
        tables,
        description="the same, but its minute of now is under way",
        bar_seconds=60,
        live_start=now.replace(second=0, microsecond=0),
        history_bars=HISTORY_BARS,
    )
    # Neither end lies on a whole minute; the bar of now is offered and is not over.
    request = BackfillRequest(("BTC-USD",), now - timedelta(hours=1), now + timedelta(hours=1))
    store = BarStore(tmp_path, 60)
    async with serving(market) as served:
        source = PolygonHistory(served.config(), KEY, 60)
        offered = await asyncio.to_thread(
            source.bars, "BTC-USD", request.start, now + timedelta(minutes=2)
        )
        await asyncio.to_thread(backfill, source, store, request, lambda: now, lambda _: None)
    assert offered.index[-1] > now
    span = store.span("BTC-USD")
    assert span is not None
    assert span[1] <= now
    assert span[2] == 60


async def test_a_vendor_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def say_nothing(*_: object) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(PolygonRest, "tickers", say_nothing)
    async with vendor() as served:
        source = PolygonHistory(served.config(timeout_s=0.2), KEY, 1)
        with pytest.raises(MarketDataError, match="cannot be reached"):
            await asyncio.to_thread(source.check_listed, "BTC-USD")
    assert asked.is_set()


async def test_calls_keep_the_plan_s_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    async with vendor() as served:
        source = PolygonHistory(served.config(calls_per_minute=5), KEY, 1)
        monkeypatch.setattr("signal_server.market.polygon.time.sleep", waited.append)
        monkeypatch.setattr(polygon_module, "monotonic_s", lambda: 100.0)
        assert source.ready
        for _ in range(2):
            await asyncio.to_thread(source.check_listed, "BTC-USD")
    assert waited == [0.0, 12.0]
    assert not source.ready


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@given(done=SPANS, start=st.integers(0, 200), length=st.integers(1, 150))
def test_what_is_missing_and_what_is_done_make_the_whole_period(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[int, int]], start: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("coverage") / "coverage.json"
    coverage = Coverage(path)
    for begin, span in done:
        coverage.add((at(begin), at(begin + span)))
    pieces = list(Coverage(path).missing((at(start), at(start + length)), timedelta(minutes=7)))
    minutes = [{at(m) for m in range(600) if begin <= at(m) < end} for begin, end in pieces]
    asked = set().union(*minutes)
    fetched = {at(m) for begin, span in done for m in range(begin, begin + span)}
    assert sum(len(piece) for piece in minutes) == len(asked)
    assert all(len(piece) <= 7 for piece in minutes)
    assert asked == {at(m) for m in range(start, start + length)} - fetched


@pytest.mark.parametrize("text", ["{torn", "[[1, 2]]", "[[]]", "", "7"])
def test_an_unreadable_record_of_what_was_fetched_asks_for_all_again(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(text, encoding="utf-8")
    period = (START, START + timedelta(minutes=5))
    assert list(Coverage(path).missing(period, timedelta(hours=1))) == [period]
