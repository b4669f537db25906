"""REST's pages are followed where they may lead, and silence is not believed at once."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from market_sim.faults import FaultName
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from signal_server.core.errors import MarketDataError, NotEntitledError, VendorAuthError
from signal_server.market import polygon as polygon_module
from signal_server.market.history import BackfillRequest, Outcome, backfill
from signal_server.market.patience import Patience
from signal_server.market.polygon import PolygonHistory, Waiting
from signal_server.market.polygon_pages import (
    AggregateQuery,
    MalformedAnswerError,
    frame_of_rows,
    read_page,
    tickers_of,
    whole_days,
)
from signal_server.market.store import BarStore
from signal_server.market.vendor import PACKAGES
from tests.signal_server.market.vendor import HISTORY_BARS, KEY, Vendor, serving, vendor

DAY = timedelta(days=1)
QUERY = AggregateQuery("X:BTCUSD", "minute", "1000", "2000")
BROKEN = [
    b"{torn",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b'{"status": "ERROR", "error": "of ours"}',
    b'{"ticker": "X:ETHUSD", "results": []}',
    b'{"resultsCount": 5}',
    b'{"resultsCount": 5, "results": []}',
    b'{"resultsCount": 2, "results": [{"t": 1}]}',
    b'{"resultsCount": "5", "results": []}',
    b"[" * 200_000,
    b'{"results": [1, 2]}',
    b'{"results": {"t": 1}}',
    b'{"next_url": "https://elsewhere/v2/aggs/ticker/X:ETHUSD/range/1/minute/1/2"}',
    b'{"next_url": "https://api/v2/aggs/ticker/X:BTCUSD/range/1/day/1/2"}',
    b'{"next_url": "https://api/v3/reference/tickers?cursor=1"}',
    b'{"next_url": 7}',
]


def ask[T](call: Callable[..., T], *arguments: Any) -> Any:
    """Call in a thread: the vendor's client blocks."""
    return asyncio.to_thread(call, *arguments)


def source(served: Vendor, **options: Any) -> PolygonHistory:
    return PolygonHistory(served.config(**options), KEY, served.market.bar_seconds)


def past(served: Vendor) -> tuple[str, datetime, datetime]:
    end = served.market.live_start
    return "BTC-USD", end - timedelta(seconds=HISTORY_BARS * served.market.bar_seconds), end


@pytest.mark.parametrize("body", BROKEN)
def test_an_answer_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        read_page(body, QUERY)


@pytest.mark.parametrize(
    "row", [{}, {"t": None}, {"t": "soon"}, {"t": 1, "o": {}}, {"t": 1e30}, {"t": 10**17}]
)
def test_a_bar_that_cannot_be_read_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError, match="cannot be read"):
        frame_of_rows([row], 60)


def test_an_answer_need_not_count_its_results() -> None:
    assert len(read_page(b'{"resultsCount": null, "results": [{"t": 1}]}', QUERY).rows) == 1
    assert not read_page(b'{"resultsCount": null}', QUERY).rows


def test_what_a_bar_lacks_is_nan() -> None:
    frame = frame_of_rows([{"t": 0, "c": 2.5, "n": None}], 60)
    assert frame.index[0] == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert frame["close"].tolist() == [2.5]
    assert frame.drop(columns="close").isna().all(axis=None)


def test_a_next_page_keeps_what_its_address_says_but_for_the_key() -> None:
    address = "https://other.host/v2/aggs/ticker/X%3ABTCUSD/range/1/minute/1500/2000"
    body = json.dumps({"next_url": f"{address}?cursor=abc%3D&limit=10&apiKey=secret"}).encode()
    following = read_page(body, QUERY).following
    assert following == AggregateQuery(
        "X:BTCUSD", "minute", "1500", "2000", (("cursor", "abc="), ("limit", "10"))
    )


@pytest.mark.parametrize("body", [b"{}", b'{"status": "OK", "count": 0}', b"[]"])
def test_a_listing_without_coins_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        tickers_of(body)


@given(start=st.integers(0, 5000), length=st.integers(0, 5000))
def test_whole_days_lie_within_the_period_and_leave_no_other_day_in_it(
    start: int, length: int
) -> None:
    first = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=start)
    last = first + timedelta(minutes=length)
    days = [datetime(2026, 1, 1, tzinfo=UTC) + n * DAY for n in range(15)]
    inside = [day.date() for day in days if first <= day and day + DAY <= last]
    assert whole_days(first, last) == inside


@pytest.mark.parametrize("client", PACKAGES)
async def test_pages_are_followed_to_the_last_by_either_client(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polygon_module, "PAGE_BARS", 70)
    async with vendor() as served:
        config = served.config().model_copy(update={"client": client})
        frame = await ask(PolygonHistory(config, KEY, 1).bars, *past(served))
    assert len(frame) == HISTORY_BARS
    assert sum("/aggs/" in path for path in served.paths) == 6


async def test_pages_that_never_end_are_refused() -> None:
    async with vendor() as served:
        served.faults.on(FaultName.REST_PAGE_LOOP)
        with pytest.raises(MarketDataError, match="never end"):
            await ask(source(served).bars, *past(served))


async def test_a_page_of_another_coin_is_refused() -> None:
    async with vendor() as served:
        served.faults.on(FaultName.REST_PAGE_ELSEWHERE)
        with pytest.raises(MarketDataError, match="leads elsewhere"):
            await ask(source(served).bars, *past(served))


@pytest.mark.parametrize("bar_seconds", [1, 60])
async def test_a_silent_page_is_found_out(bar_seconds: int) -> None:
    async with vendor(bar_seconds) as served:
        served.faults.on(FaultName.REST_SILENT_PAGE, remaining=1)
        frame = await ask(source(served).bars, *past(served))
    assert len(frame) == HISTORY_BARS


async def test_bars_that_are_hidden_while_days_have_trades_are_an_error() -> None:
    async with vendor(60) as served:
        served.faults.on(FaultName.REST_SILENT_PAGE)
        symbol, _, end = past(served)
        with pytest.raises(MarketDataError, match="hides the bars"):
            await ask(source(served).bars, symbol, end - 3 * DAY, end + DAY)


async def test_two_silent_pages_in_a_row_are_asked_for_again() -> None:
    async with vendor(60) as served:
        served.faults.on(FaultName.REST_SILENT_PAGE, remaining=2)
        patience = Patience(5.0, shortest_s=0.001, longest_s=0.01)
        history = PolygonHistory(served.config(), KEY, 60, patience=patience)
        symbol, _, end = past(served)
        frame = await ask(history.bars, symbol, end - 3 * DAY, end + DAY)
    assert len(frame) >= HISTORY_BARS


async def test_a_time_without_trades_is_believed() -> None:
    async with vendor(60) as served:
        symbol, start, _ = past(served)
        frame = await ask(source(served).bars, symbol, start - 40 * DAY, start - 35 * DAY)
    assert frame.empty


async def test_days_with_trades_are_told() -> None:
    async with vendor(60) as served:
        _, first, _ = past(served)
        start = (first - 2 * DAY).replace(hour=0, minute=0)
        days = await ask(source(served).traded_days, "BTC-USD", start, start + 4 * DAY)
    traded = first + timedelta(minutes=HISTORY_BARS - 1)
    assert {first.date(), traded.date()} <= days
    assert min(days) == first.date()


async def test_the_listing_tells_all_coins() -> None:
    async with vendor() as served:
        assert await ask(source(served).listed) == {"X:BTCUSD", "X:ETHUSD"}


async def test_every_bar_that_closes_in_the_period_comes_and_none_else(tmp_path: Path) -> None:
    async with vendor(60) as earlier:
        tables = earlier.market._tables
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
        offered = await ask(
            source(served).bars, "BTC-USD", request.start, now + timedelta(minutes=2)
        )
        (result,) = await ask(backfill, source(served), store, request, lambda: now, lambda _: None)
    assert offered.index[-1] > now
    assert result.outcome is Outcome.COMPLETE
    last = store.last_close("BTC-USD")
    assert last is not None
    assert last <= now
    assert result.new_bars in {59, 60}


@pytest.mark.parametrize("fault", [FaultName.REST_STALL, FaultName.REST_SLOW_DRIP])
@pytest.mark.parametrize("client", PACKAGES)
async def test_an_answer_that_never_becomes_whole_is_given_up(
    fault: FaultName, client: str
) -> None:
    async with vendor() as served:
        served.faults.on(fault, amount=30.0)
        config = served.config(timeout_s=1.0).model_copy(update={"client": client})
        with pytest.raises(MarketDataError, match=r"cannot be reached.*imed out"):
            await ask(PolygonHistory(config, KEY, 1).bars, *past(served))


async def test_a_vendor_that_asks_to_wait_is_obeyed() -> None:
    waits: list[Waiting] = []
    async with vendor() as served:
        served.faults.on(FaultName.REST_RETRY_AFTER, remaining=1, amount=1.0)
        history = PolygonHistory(
            served.config(), KEY, 1, patience=Patience(10, 0.01), on_wait=waits.append
        )
        frame = await ask(history.bars, *past(served))
    assert len(frame) == HISTORY_BARS
    assert [waiting.wait_s for waiting in waits] == [1.0]
    assert "plan's calls are used up" in waits[0].reason


@pytest.mark.parametrize(
    ("status", "message", "error", "words"),
    [
        (403, "Your plan doesn't include this data timeframe.", NotEntitledError, "begin later"),
        (401, "Unknown API Key", VendorAuthError, "SIGNAL_SERVER_POLYGON_API_KEY"),
        (400, "no such range", MarketDataError, "400: no such range"),
        (302, "elsewhere", MarketDataError, "302"),
    ],
)
async def test_a_refusal_is_explained_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    message: str,
    error: type[MarketDataError],
    words: str,
) -> None:
    async def refuse(*_: object) -> web.Response:
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.json_response({"message": message}, status=status, headers=headers)

    monkeypatch.setattr(PolygonRest, "aggregates", refuse)
    async with vendor() as served:
        history = PolygonHistory(served.config(), KEY, 1, patience=Patience(60))
        with pytest.raises(error, match=words):
            await ask(history.bars, *past(served))
    assert len(served.paths) == 1
