"""The Kraken stand-in: one exchange and one account behind REST and WebSocket v1."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from aiohttp import web

from market_sim.faults import FaultSwitch
from market_sim.kraken_auth import Authenticator
from market_sim.kraken_exchange import Exchange, PriceSource
from market_sim.kraken_pairs import Fees
from market_sim.kraken_rest import KrakenRest
from market_sim.kraken_ws import KrakenStream

TEST_KEY = "stand-in-key"
TEST_SECRET = "c3RhbmQtaW4tc2VjcmV0"  # noqa: S105 - opens nothing but this stand-in


@dataclass(frozen=True, slots=True)
class KrakenSettings:
    """The account; fees are shares of the traded value."""

    key: str = TEST_KEY
    secret: str = TEST_SECRET
    taker_fee: Decimal = Decimal("0.0026")
    maker_fee: Decimal = Decimal("0.0016")
    balances: dict[str, Decimal] = field(default_factory=lambda: {"ZUSD": Decimal(10_000)})


@dataclass(frozen=True, slots=True)
class KrakenAddresses:
    """Where the stand-in listens."""

    rest_url: str
    ws_url: str


class KrakenStandIn:
    """Start it, send Hummingbot there, and read `exchange` for what really happened."""

    def __init__(
        self, prices: PriceSource, settings: KrakenSettings, clock: Callable[[], datetime]
    ) -> None:
        self.faults = FaultSwitch()
        fees = Fees(settings.taker_fee, settings.maker_fee)
        self.exchange = Exchange(prices, settings.balances, fees, clock)
        auth = Authenticator(settings.key, settings.secret, clock)
        self._rest = KrakenRest(self.exchange, auth, self.faults)
        self._stream = KrakenStream(self.exchange, auth, self.faults)
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> KrakenAddresses:
        """Listen on a free loopback port for REST and both streams."""
        application = web.Application()
        application.add_routes([*self._rest.routes(), *self._stream.routes()])
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self._task = asyncio.create_task(self._stream.run())
        return KrakenAddresses(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._stream.close()
        if self._runner is not None:
            await self._runner.cleanup()
