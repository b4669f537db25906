"""The listing asked of a stand-in that has more coins than one page holds, by both clients."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from market_sim.faults import FaultName, FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from signal_server.core.config import PolygonConfig
from signal_server.core.errors import MarketDataError
from signal_server.market.listing import Listing, current_listing
from signal_server.market.patience import Patience
from signal_server.market.polygon import PolygonHistory
from tests.market_sim.markets import START, SetClock
from tests.market_sim.vendor import KEY, rest_alone

COINS = tuple(f"C{number}-USD" for number in range(1_050))


@pytest.fixture(scope="module")
def market() -> SimMarket:
    return SimMarket(
        seeded_histories((*COINS, "MKR-USD"), 3, 4),
        description="a seeded model of a market",
        bar_seconds=60,
        live_start=START,
        history_bars=2,
    )


@pytest.fixture
async def polygon(market: SimMarket) -> AsyncIterator[tuple[PolygonRest, str]]:
    rest = PolygonRest(market, KEY, FaultSwitch(), delisted={"MKR-USD": START})
    async with rest_alone(rest) as url:
        yield rest, url


def history(url: str, client: Literal["polygon", "massive"] = "polygon") -> PolygonHistory:
    config = PolygonConfig(
        rest_url=url, feed="", secure=False, calls_per_minute=0, timeout_s=5, client=client
    )
    return PolygonHistory(config, KEY, 60, patience=Patience(2.0, shortest_s=0.01))


async def asked(source: PolygonHistory, path: Path, *symbols: str) -> Listing:
    return await asyncio.to_thread(current_listing, source, path, symbols, SetClock())


@pytest.mark.parametrize("client", ["polygon", "massive"])
async def test_every_page_is_read_by_few_calls(
    polygon: tuple[PolygonRest, str], tmp_path: Path, client: Literal["polygon", "massive"]
) -> None:
    rest, url = polygon
    source, path = history(url, client), tmp_path / "listing.json"
    listing = await asked(source, path, *COINS)
    assert len(listing.listed) == len(COINS)
    assert rest.answered == 2
    assert await asked(source, path, "C7-USD") == listing
    assert rest.answered == 2
    assert (await asked(source, path, "MKR-USD")).standing("MKR-USD") == "delisted"
    assert rest.answered == 2 + 2 + 2 + 1


async def test_faults_in_passing_cost_no_coin(
    polygon: tuple[PolygonRest, str], tmp_path: Path
) -> None:
    rest, url = polygon
    for name in (FaultName.REST_SERVER_ERROR, FaultName.REST_RESET, FaultName.REST_BROKEN_JSON):
        rest.faults.on(name, remaining=1)
    listing = await asked(history(url), tmp_path / "listing.json", *COINS)
    assert len(listing.listed) == len(COINS)


async def test_a_vendor_that_stays_down_is_an_error_and_nothing_is_remembered(
    polygon: tuple[PolygonRest, str], tmp_path: Path
) -> None:
    rest, url = polygon
    rest.faults.on(FaultName.REST_SERVER_ERROR)
    with pytest.raises(MarketDataError):
        await asked(history(url), tmp_path / "listing.json", *COINS)
    assert not (tmp_path / "listing.json").exists()
