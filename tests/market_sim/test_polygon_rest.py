"""The Polygon stand-in's REST side, asked by the vendor's own client."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession
from polygon import RESTClient
from polygon.exceptions import BadResponse
from polygon.rest.models import Agg
from urllib3.exceptions import MaxRetryError

from market_sim.faults import FaultName
from market_sim.polygon_pages import aggregate
from tests.market_sim.markets import START
from tests.market_sim.vendor import HISTORY_BARS, KEY, LIVE_BARS, Vendor, seeded_market, selling

TICKER = "X:BTCUSD"
FIRST = START - timedelta(seconds=HISTORY_BARS)
LAST = START + timedelta(seconds=LIVE_BARS)


def client(vendor: Vendor, key: str = KEY) -> RESTClient:
    return RESTClient(key, base=vendor.url, retries=0)


async def bars(vendor: Vendor, **changes: Any) -> list[Agg]:
    """Return the seconds of the whole market as the client lists them."""
    asked = {"ticker": TICKER, "multiplier": 1, "timespan": "second", "from_": FIRST, "to": LAST}
    return await asyncio.to_thread(lambda: list(client(vendor).list_aggs(**(asked | changes))))


async def answer(vendor: Vendor, path: str, key: str | None = KEY) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with ClientSession() as session, session.get(vendor.url + path, headers=headers) as got:
        return got.status, await got.json()


def seconds(start: object, end: object, more: str = "") -> str:
    return f"/v2/aggs/ticker/{TICKER}/range/1/second/{start}/{end}{more}"


def starts(found: list[Agg]) -> list[int]:
    return [int(bar.timestamp) for bar in found]


def all_starts() -> list[int]:
    first = int(FIRST.timestamp()) * 1000
    return [first + 1000 * step for step in range(HISTORY_BARS)]


@pytest.mark.parametrize("limit", [7, 100, 50_000])
async def test_every_page_together_holds_every_bar_once(vendor: Vendor, limit: int) -> None:
    found = starts(await bars(vendor, limit=limit, to=START - timedelta(seconds=1)))
    assert found == all_starts()


async def test_the_newest_come_first_if_asked(vendor: Vendor) -> None:
    found = await bars(vendor, limit=100, sort="desc", to=START - timedelta(seconds=1))
    assert starts(found) == all_starts()[::-1]


async def test_bars_that_come_while_pages_are_read_move_no_page(vendor: Vendor) -> None:
    pages = client(vendor).list_aggs(TICKER, 1, "second", FIRST, LAST, limit=250, sort="desc")
    newest = await asyncio.to_thread(next, pages)
    vendor.forward(30)
    found = starts([newest, *await asyncio.to_thread(list, pages)])
    assert found[0] == int(START.timestamp()) * 1000
    assert found[1:] == all_starts()[::-1]


async def test_a_page_holds_no_more_than_its_limit(vendor: Vendor) -> None:
    _, page = await answer(vendor, seconds("2026-01-05", "2026-01-05", "?limit=3"))
    assert [bar["t"] for bar in page["results"]] == all_starts()[:3]
    assert page["next_url"].startswith(vendor.url)
    assert KEY not in page["next_url"]


async def test_a_bar_has_the_fields_of_the_vendor(vendor: Vendor) -> None:
    found = (await bars(vendor, limit=5))[0]
    true = vendor.market.bar("BTC-USD", 0)
    assert true is not None
    assert (found.open, found.high, found.low, found.close) == (
        true.open,
        true.high,
        true.low,
        true.close,
    )
    assert (found.volume, found.vwap, found.transactions) == (
        true.volume,
        true.vwap,
        true.transactions,
    )


async def test_both_ends_of_a_span_are_in_it(vendor: Vendor) -> None:
    found = await bars(vendor, from_=FIRST, to=FIRST + timedelta(seconds=2))
    assert starts(found) == all_starts()[:3]


async def test_a_date_is_the_whole_day(vendor: Vendor) -> None:
    assert len(await bars(vendor, from_="2026-01-05", to="2026-01-05")) == HISTORY_BARS + 1
    assert await bars(vendor, from_="2026-01-06", to="2026-01-07") == []


async def test_the_bar_under_way_is_served_as_far_as_it_has_come(vendor: Vendor) -> None:
    vendor.forward(0.5)
    young = (await bars(vendor))[-1]
    vendor.forward(1)
    old = (await bars(vendor))[-2]
    whole = vendor.market.bar("BTC-USD", HISTORY_BARS)
    assert whole is not None
    assert young.timestamp == old.timestamp == int(START.timestamp()) * 1000
    assert young.volume == pytest.approx(whole.volume / 2)
    assert old.volume == whole.volume
    assert old.close == whole.close


async def test_nothing_of_the_future_is_served(vendor: Vendor) -> None:
    assert starts(await bars(vendor))[-1] == int(vendor.clock.now.timestamp()) * 1000


async def test_minutes_are_served_from_a_market_of_minutes() -> None:
    async with selling(seeded_market(bar_seconds=60)) as vendor:
        found = await bars(vendor, timespan="minute", from_="2026-01-05", to="2026-01-05")
    assert len(found) == HISTORY_BARS + 1
    assert found[1].timestamp - found[0].timestamp == 60_000


async def test_an_unknown_ticker_has_no_bars(vendor: Vendor) -> None:
    assert await bars(vendor, ticker="X:NOPEUSD") == []


async def test_an_answer_without_bars_has_no_results_at_all(vendor: Vendor) -> None:
    status, body = await answer(vendor, seconds("2020-01-01", "2020-01-02"))
    assert status == 200
    assert "results" not in body
    assert body["resultsCount"] == 0


async def test_the_reference_lists_the_coins(vendor: Vendor) -> None:
    asked = client(vendor)
    found = await asyncio.to_thread(lambda: list(asked.list_tickers(market="crypto")))
    one = await asyncio.to_thread(lambda: list(asked.list_tickers(ticker="X:ETHUSD")))
    none = await asyncio.to_thread(lambda: list(asked.list_tickers(ticker="X:NOPEUSD")))
    assert [ticker.ticker for ticker in found] == ["X:BTCUSD", "X:ETHUSD"]
    assert [ticker.base_currency_symbol for ticker in one] == ["ETH"]
    assert none == []


async def test_a_wrong_key_is_refused(vendor: Vendor) -> None:
    with pytest.raises(BadResponse, match="Unknown API Key"):
        await asyncio.to_thread(lambda: list(client(vendor, "wrong").list_tickers()))


async def test_no_key_is_refused(vendor: Vendor) -> None:
    status, body = await answer(vendor, "/v3/reference/tickers", key=None)
    assert status == 401
    assert body["status"] == "ERROR"


async def test_the_key_may_stand_in_the_query(vendor: Vendor) -> None:
    status, _ = await answer(vendor, f"/v3/reference/tickers?apiKey={KEY}", key=None)
    assert status == 200


@pytest.mark.parametrize(
    "path",
    [
        seconds("2026-01-05", "2026-01-05", "?limit=0"),
        seconds("2026-01-05", "2026-01-05", "?limit=50001"),
        seconds("2026-01-05", "2026-01-05", "?limit=many"),
        seconds("yesterday", "2026-01-05"),
        seconds("9" * 30, "2026-01-05"),
        seconds("2026-01-05", "2026-02-31"),
        f"/v2/aggs/ticker/{TICKER}/range/1/hour/2026-01-05/2026-01-05",
        f"/v2/aggs/ticker/{TICKER}/range/5/second/2026-01-05/2026-01-05",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(vendor: Vendor, path: str) -> None:
    status, body = await answer(vendor, path)
    assert status == 400
    assert body["error"]


async def test_a_plan_allows_so_many_calls_a_minute() -> None:
    async with selling(seeded_market(), calls_per_minute=2) as vendor:
        assert len(await bars(vendor, limit=400)) == HISTORY_BARS + 1
        with pytest.raises(MaxRetryError, match="429"):
            await bars(vendor)
        vendor.clock.forward(61)
        assert await bars(vendor, to=START)


@pytest.mark.parametrize(
    ("fault", "says"),
    [(FaultName.REST_SERVER_ERROR, "502"), (FaultName.REST_RATE_LIMIT, "429")],
)
async def test_a_fault_strikes_as_often_as_it_is_told(
    vendor: Vendor, fault: FaultName, says: str
) -> None:
    vendor.faults.on(fault, remaining=1)
    with pytest.raises(MaxRetryError, match=says):
        await bars(vendor)
    assert len(await bars(vendor)) == HISTORY_BARS + 1
    assert vendor.faults.happened == {fault: 1}


@pytest.mark.parametrize("fault", [FaultName.REST_EMPTY_PAGE, FaultName.REST_BROKEN_JSON])
async def test_an_answer_can_look_like_no_trades(vendor: Vendor, fault: FaultName) -> None:
    vendor.faults.on(fault)
    assert await bars(vendor) == []
    vendor.faults.off(fault)
    assert len(await bars(vendor)) == HISTORY_BARS + 1


def test_times_are_milliseconds_of_the_bars_start() -> None:
    bar = seeded_market().bar("BTC-USD", HISTORY_BARS)
    assert bar is not None
    assert aggregate(bar)["t"] == int(START.timestamp()) * 1000
