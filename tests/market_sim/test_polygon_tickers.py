"""The Polygon stand-in's list of coins, read by both of the vendor's own clients."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import massive
import polygon
import pytest

from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from tests.market_sim.markets import START
from tests.market_sim.vendor import KEY, rest_alone

SYMBOLS = ("MKR-USD", "BTC-USD", "ETH-USD", "SOL-USD", "SKY-USD")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    market = SimMarket(
        seeded_histories(SYMBOLS, 3, 20),
        description="a seeded model of a market",
        bar_seconds=60,
        live_start=START,
        history_bars=10,
    )
    rest = PolygonRest(market, KEY, FaultSwitch(), delisted={"MKR-USD": START})
    async with rest_alone(rest) as url:
        yield url


async def listed(client: Any, **asked: Any) -> list[Any]:
    return await asyncio.to_thread(lambda: list(client.list_tickers(market="crypto", **asked)))


@pytest.mark.parametrize("vendor", [polygon, massive])
@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_of_any_size_list_every_coin_once(url: str, vendor: Any, limit: int) -> None:
    client = vendor.RESTClient(KEY, base=url, retries=0)
    found = [entry.ticker for entry in await listed(client, limit=limit)]
    assert found == ["X:BTCUSD", "X:ETHUSD", "X:SKYUSD", "X:SOLUSD"]


async def test_what_was_delisted_is_listed_apart(url: str) -> None:
    client = polygon.RESTClient(KEY, base=url, retries=0)
    [ended] = await listed(client, active=False, limit=1000)
    assert (ended.ticker, ended.active) == ("X:MKRUSD", False)
    assert ended.delisted_utc == "2026-01-05T12:00:00Z"


async def test_one_coin_can_be_asked_for(url: str) -> None:
    client = polygon.RESTClient(KEY, base=url, retries=0)
    assert [entry.ticker for entry in await listed(client, ticker="X:SOLUSD")] == ["X:SOLUSD"]
    assert await listed(client, ticker="X:MKRUSD") == []


async def test_a_page_of_too_many_is_refused(url: str) -> None:
    client = polygon.RESTClient(KEY, base=url, retries=0)
    with pytest.raises(polygon.exceptions.BadResponse, match="limit must lie between 1 and 1000"):
        await listed(client, limit=1001)
