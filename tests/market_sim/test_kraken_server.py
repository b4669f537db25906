"""The stand-in as a server: it refreshes by itself, says when it cannot, and cuts the slow."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp import ClientConnectionError, ClientSession, web

from market_sim.kraken_channels import Client
from market_sim.kraken_server import KrakenSettings, KrakenStandIn
from tests.market_sim.clients import ClientBook, StreamClient
from tests.market_sim.markets import SetClock, SteadyPrices, utc_now


class StuckSocket:
    """A socket whose other side does not read; it notes when it is cut."""

    closed = False

    def __init__(self) -> None:
        self._req = self.transport = self
        self.cut = False

    def abort(self) -> None:
        self.cut = True


def fails() -> None:
    raise ZeroDivisionError


async def test_the_book_follows_the_price_by_itself() -> None:
    prices = SteadyPrices()
    kraken = KrakenStandIn(prices, KrakenSettings(refresh_hz=50), utc_now)
    addresses = await kraken.start()
    book = ClientBook(10)
    async with StreamClient(addresses.ws_url) as client:
        await client.read()
        await client.subscribe("book", ["SOL/USD"], depth=10)
        book.apply((await client.read())[1:-2])
        prices.move("SOL-USD", 0.05)
        while book.middle < 157:
            told = book.apply((await client.read())[1:-2])
            assert told == book.checksum()
    await kraken.stop()


async def test_a_market_that_cannot_go_on_says_so() -> None:
    told: list[dict[str, Any]] = []
    heard = asyncio.Event()

    def listen(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told.append(context)
        heard.set()

    asyncio.get_running_loop().set_exception_handler(listen)
    kraken = KrakenStandIn(SteadyPrices(), KrakenSettings(), SetClock())
    kraken.refresh = fails  # type: ignore[method-assign]
    await kraken.start()
    async with asyncio.timeout(20):
        await heard.wait()
    assert "market has stopped" in told[0]["message"]
    assert isinstance(told[0]["exception"], ZeroDivisionError)
    await kraken.stop()


async def test_a_stopped_stand_in_refuses_connections() -> None:
    kraken = KrakenStandIn(SteadyPrices(), KrakenSettings(), SetClock())
    addresses = await kraken.start()
    async with ClientSession() as session, session.get(f"{addresses.rest_url}/0/public/Time") as ok:
        assert ok.status == 200
    await kraken.stop()
    with pytest.raises(ClientConnectionError):
        async with StreamClient(addresses.ws_url):
            pass


async def test_a_client_that_does_not_read_is_cut_off_and_costs_no_one_else() -> None:
    socket = StuckSocket()
    client = Client(cast(web.WebSocketResponse, socket))
    for number in range(20_000):
        client.send(number)
    assert not socket.cut
    client.send("one too many")
    assert socket.cut
