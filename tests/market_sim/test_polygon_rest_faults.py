"""What each fault of the Polygon stand-in's REST side does to the vendor's own clients."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from aiohttp import ClientSession
from urllib3.exceptions import MaxRetryError

from market_sim.faults import FaultName, Where
from tests.market_sim.listener import CLIENTS
from tests.market_sim.markets import START
from tests.market_sim.vendor import HISTORY_BARS, KEY, Vendor

F = FaultName
FIRST = START - timedelta(seconds=HISTORY_BARS)
LAST = START - timedelta(seconds=1)
FIRST_MS = int(FIRST.timestamp()) * 1000
ALL = [FIRST_MS + 1000 * step for step in range(HISTORY_BARS)]
PAGE = 200


async def bars(
    vendor: Vendor, client: str = "polygon", *, timeout_s: float = 10, **more: Any
) -> list[Any]:
    """Return what a client that gives up at once lists of the whole history."""
    rest = CLIENTS[client].RESTClient(KEY, base=vendor.url, retries=0)
    rest.client.connection_pool_kw["timeout"] = urllib3.Timeout(timeout_s)
    asked = {"timespan": "second", "from_": FIRST, "to": LAST, "limit": PAGE} | more
    return await asyncio.to_thread(lambda: list(rest.list_aggs("X:BTCUSD", 1, **asked)))


def starts(found: list[Any]) -> list[int]:
    return [int(bar.timestamp) for bar in found]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_is_one(vendor: Vendor, client: str, status: int) -> None:
    vendor.faults.on(F.REST_SERVER_ERROR, remaining=1, amount=status)
    with pytest.raises(MaxRetryError, match=str(status)):
        await bars(vendor, client)
    assert starts(await bars(vendor, client)) == ALL


async def test_too_many_calls_may_say_when_to_come_again(vendor: Vendor) -> None:
    vendor.faults.on(F.REST_RETRY_AFTER, remaining=1, amount=7)
    vendor.faults.on(F.REST_RATE_LIMIT, remaining=1)
    url = f"{vendor.url}/v3/reference/tickers?apiKey={KEY}"
    told = []
    async with ClientSession() as session:
        for _ in range(3):
            async with session.get(url) as answer:
                told.append((answer.status, answer.headers.get("Retry-After")))
    assert told == [(429, "7"), (429, None), (200, None)]


@pytest.mark.parametrize("fault", [F.REST_RETRY_AFTER, F.REST_RATE_LIMIT])
async def test_too_many_calls_end_a_client_that_does_not_wait(
    vendor: Vendor, client: str, fault: FaultName
) -> None:
    vendor.faults.on(fault, remaining=1)
    with pytest.raises(MaxRetryError, match="429"):
        await bars(vendor, client)
    assert vendor.faults.happened == {fault: 1}


@pytest.mark.parametrize("fault", [F.REST_RESET, F.REST_CUT_BODY])
async def test_a_connection_breaks(vendor: Vendor, client: str, fault: FaultName) -> None:
    vendor.faults.on(fault, remaining=1)
    with pytest.raises(urllib3.exceptions.HTTPError):
        await bars(vendor, client)
    assert starts(await bars(vendor, client)) == ALL


async def test_a_server_stalls(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.REST_STALL, remaining=1, amount=1.0)
    with pytest.raises(urllib3.exceptions.HTTPError, match="timed out"):
        await bars(vendor, client, timeout_s=0.3)
    assert starts(await bars(vendor, client)) == ALL


async def test_an_answer_drips_without_ever_timing_out(vendor: Vendor, client: str) -> None:
    # No pause is longer than the time-out: only a limit on the whole notices.
    vendor.faults.on(F.REST_SLOW_DRIP, remaining=1, amount=1.5)
    began = asyncio.get_running_loop().time()
    assert starts(await bars(vendor, client, timeout_s=0.5)) == ALL
    assert asyncio.get_running_loop().time() - began > 1.0


@pytest.mark.parametrize("fault", [F.REST_BROKEN_JSON, F.REST_EMPTY_PAGE, F.REST_SILENT_PAGE])
async def test_a_page_looks_like_no_trades(vendor: Vendor, client: str, fault: FaultName) -> None:
    vendor.faults.on(fault, remaining=1)
    assert len(await bars(vendor, client)) < HISTORY_BARS
    assert vendor.faults.happened == {fault: 1}
    assert starts(await bars(vendor, client)) == ALL


async def test_a_silent_page_says_zero_and_days_show_that_there_was_trade(vendor: Vendor) -> None:
    vendor.faults.on(F.REST_SILENT_PAGE)
    assert await bars(vendor) == []
    [day] = await bars(vendor, timespan="day", from_="2026-01-05", to="2026-01-05")
    assert day.volume > 0
    # What has no bars anyway is no fault.
    assert await bars(vendor, from_="2020-01-01", to="2020-01-02") == []
    assert vendor.faults.happened == {F.REST_SILENT_PAGE: 1}


async def test_a_day_is_made_of_its_bars(vendor: Vendor) -> None:
    found = await bars(vendor, limit=50_000)
    [day] = await bars(vendor, timespan="day", from_=FIRST, to=LAST)
    assert day.timestamp == int(START.replace(hour=0).timestamp()) * 1000
    assert day.volume == pytest.approx(sum(bar.volume for bar in found))
    assert (day.open, day.close) == (found[0].open, found[-1].close)
    assert (day.high, day.low) == (max(b.high for b in found), min(b.low for b in found))


OUT_OF_ORDER: dict[FaultName, list[int]] = {
    F.REST_DUPLICATE_BARS: sorted(ALL[:PAGE] * 2) + ALL[PAGE:],
    F.REST_OVERLAPPING_PAGE: ALL[:PAGE] + ALL[PAGE - 5 :],
    F.REST_SWAPPED_PAGES: ALL[PAGE : 2 * PAGE] + ALL[:PAGE] + ALL[2 * PAGE :],
}


@pytest.mark.parametrize("fault", OUT_OF_ORDER)
async def test_pages_repeat_overlap_and_change_places(
    vendor: Vendor, client: str, fault: FaultName
) -> None:
    vendor.faults.on(fault, remaining=1)
    assert starts(await bars(vendor, client)) == OUT_OF_ORDER[fault]


async def test_two_pages_change_places(vendor: Vendor) -> None:
    vendor.faults.on(F.REST_SWAPPED_PAGES, remaining=1)
    found = starts(await bars(vendor, limit=500))
    assert found == ALL[500:] + ALL[:500]


async def test_a_page_is_shuffled(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.REST_UNORDERED_PAGE, remaining=1)
    found = starts(await bars(vendor, client))
    assert found[:PAGE] != ALL[:PAGE]
    assert sorted(found) == ALL


async def test_a_bar_is_impossible(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.REST_IMPOSSIBLE_BAR, remaining=1)
    found = await bars(vendor, client)
    assert [bar.high < bar.low for bar in found].count(True) == 1


async def test_a_next_page_can_be_the_same_page_for_ever(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.REST_PAGE_LOOP, remaining=3)
    found = starts(await bars(vendor, client))
    assert found == ALL[:PAGE] * 3 + ALL


async def test_a_next_page_can_be_of_another_coin(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.REST_PAGE_ELSEWHERE, remaining=1)
    found = await bars(vendor, client)
    ether = vendor.market.bars("ETH-USD", FIRST, START)
    assert starts(found) == ALL
    assert [bar.close for bar in found[PAGE:]] == [bar.close for bar in ether[PAGE:]]


async def test_a_fault_strikes_one_coin_or_one_timespan(vendor: Vendor) -> None:
    vendor.faults.on(F.REST_SERVER_ERROR, only=Where(symbol="ETH-USD", method="day"))
    assert len(await bars(vendor)) == HISTORY_BARS
    assert vendor.faults.happened == {}


async def test_a_vendor_may_send_smaller_pages_than_were_asked_for(vendor: Vendor) -> None:
    vendor.rest.page_bars = 50
    assert starts(await bars(vendor, limit=50_000)) == ALL
    assert vendor.rest.answered == HISTORY_BARS / 50
