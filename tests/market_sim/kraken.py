"""A Kraken stand-in whose prices and time the test sets, with a client on each interface."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from market_sim.kraken_exchange import Exchange
from market_sim.kraken_server import KrakenSettings, KrakenStandIn
from tests.market_sim.clients import SignedClient, StreamClient
from tests.market_sim.markets import SetClock, SteadyPrices

BUY = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}
SELL = {**BUY, "type": "sell"}
LOW = {**BUY, "ordertype": "limit", "price": "50000"}
STOP = {**SELL, "ordertype": "stop-loss", "price": "57000"}


@dataclass(frozen=True, slots=True)
class Session:
    kraken: KrakenStandIn
    prices: SteadyPrices
    clock: SetClock
    rest: SignedClient
    stream: StreamClient
    public_url: str
    private_url: str

    @property
    def exchange(self) -> Exchange:
        return self.kraken.exchange

    async def place(self, **order: str) -> str:
        """Place an order that is accepted and worked; return its id."""
        [txid] = (await self.rest.result("AddOrder", **order))["txid"]
        self.work()
        return str(txid)

    def work(self) -> None:
        """Have the accepted orders worked now, not a moment later."""
        for order in self.exchange.open_orders():
            if order.status.value == "pending":
                self.exchange.work(order)

    async def listen(self, channel: str) -> list[Any]:
        """Subscribe; return the channel's first message: what there is already."""
        token = (await self.rest.result("GetWebSocketsToken"))["token"]
        [status] = await self.stream.subscribe(channel, [], token=token)
        assert status["status"] == "subscribed"
        content, name, sequence = await self.stream.read()
        assert (name, sequence) == (channel, {"sequence": 1})
        return list(content)

    def pass_time(self, seconds: float, share: float | None = None) -> None:
        """Let time pass, move Bitcoin so far from its start, and have the market follow."""
        self.clock.forward(seconds)
        if share is not None:
            self.prices.move("BTC-USD", share)
        self.kraken.refresh()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what happens inside the stand-in."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (nothing tells when it has happened)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def trading(settings: KrakenSettings) -> AsyncIterator[Session]:
    """Serve a stand-in that moves only when the test says so."""
    prices, clock = SteadyPrices(), SetClock()
    kraken = KrakenStandIn(prices, settings, clock)
    addresses = await kraken.start()
    async with (
        SignedClient(addresses.rest_url) as rest,
        StreamClient(addresses.ws_url) as stream,
    ):
        assert (await stream.read())["event"] == "systemStatus"
        urls = (addresses.ws_url, addresses.ws_auth_url)
        yield Session(kraken, prices, clock, rest, stream, *urls)
    await kraken.stop()
