"""The Kraken stand-in: one exchange and one account behind REST and WebSocket v1."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from aiohttp import web

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_account import Desk
from market_sim.kraken_auth import NONCE_WINDOW, Authenticator
from market_sim.kraken_book import BookShape
from market_sim.kraken_exchange import Exchange, PriceSource
from market_sim.kraken_limits import Limits, Tier
from market_sim.kraken_pairs import Fees
from market_sim.kraken_rest import KrakenRest
from market_sim.kraken_storm import Gust, brew, storm
from market_sim.kraken_timer import Timer
from market_sim.kraken_ws import PRIVATE_PATH, KrakenStream

TEST_KEY = "stand-in-key"
TEST_SECRET = "c3RhbmQtaW4tc2VjcmV0"  # noqa: S105 - opens nothing but this stand-in
_HEARTBEAT_S = 1.0
_GOODBYE_S = 2.0


def _starting_balances() -> Mapping[str, Decimal]:
    return {"ZUSD": Decimal(10_000)}


@dataclass(frozen=True, slots=True)
class KrakenSettings:
    """The account, its fees, and the look of the books; `balances` by Kraken's asset names.

    `secret` is base64, as Kraken gives it. Fees are shares of the traded value; the
    defaults are Kraken's of years ago, which the bot reckons with too. A new account there pays
    0.0040 and 0.0025 now. `nonce_window` is a setting of a key, 0 where nobody has changed it.
    With a `tier` calls and orders are counted as Kraken counts them. `two_sided` is
    the share of the book updates that carry both sides in one message, as Kraken's sometimes do.
    `seed` is that of the faults.
    """

    key: str = TEST_KEY
    secret: str = field(default=TEST_SECRET, repr=False)
    taker_fee: Decimal = Decimal("0.0026")
    maker_fee: Decimal = Decimal("0.0016")
    balances: Mapping[str, Decimal] = field(default_factory=_starting_balances)
    book: BookShape = field(default_factory=BookShape)
    refresh_hz: float = 5.0
    host: str = "127.0.0.1"
    nonce_window: int = NONCE_WINDOW
    tier: Tier | None = None
    two_sided: float = 0.02
    seed: int = 0


@dataclass(frozen=True, slots=True)
class KrakenAddresses:
    """Where the stand-in listens; `ws_url` serves private channels too."""

    rest_url: str
    ws_url: str
    ws_auth_url: str


class KrakenStandIn:
    """Start it, send Hummingbot there, and read `exchange` for what really happened."""

    def __init__(
        self,
        prices: PriceSource,
        settings: KrakenSettings,
        clock: Callable[[], datetime],
        faults: FaultSwitch | None = None,
    ) -> None:
        self.faults = faults or FaultSwitch(settings.seed, clock)
        fees = Fees(settings.taker_fee, settings.maker_fee)
        self.exchange = Exchange(prices, settings.balances, fees, clock, settings.book, self.faults)
        self.auth = Authenticator(settings.key, settings.secret, clock, settings.nonce_window)
        self.limits = Limits(settings.tier, clock)
        self._settings = settings
        self._timer = Timer(clock)
        desk = Desk(self.exchange, self.auth, self.faults, self.limits, self._timer)
        self._rest = KrakenRest(desk)
        self._stream = KrakenStream(desk, settings.two_sided)
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> KrakenAddresses:
        """Listen for REST and both streams: on a free port at first, later on the same."""
        application = web.Application()
        application.add_routes([*self._rest.routes(), *self._stream.routes()])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GOODBYE_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.host, self._port).start()
        self._port = self._runner.addresses[0][1]
        repeated = (
            (self.refresh, 1 / self._settings.refresh_hz),
            (self._stream.beat, _HEARTBEAT_S),
        )
        self._tasks = [asyncio.create_task(_repeat(*work)) for work in repeated]
        for task in self._tasks:
            task.add_done_callback(_report)
        address = f"{self._settings.host}:{self._port}"
        stream = f"ws://{address}/"
        return KrakenAddresses(f"http://{address}", stream, stream + PRIVATE_PATH)

    async def stop(self, *, rudely: bool = False) -> None:
        """Stop listening and say goodbye to every client, or `rudely` cut them all.

        The account is kept: after another `start` everything is as it was.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._rest.close()
        if rudely:
            self._stream.cut()
        await self._stream.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def storm(self, seed: int, seconds: float, *, every_s: float = 15.0) -> list[Gust]:
        """Have faults come at random for so many seconds; return which and when."""
        gusts = storm(seed, seconds, every_s=every_s)
        brew(gusts, self.faults, self._timer)
        return gusts

    async def outage(self, seconds: float) -> None:
        """Be gone for so long, cutting every connection, and come back with the account kept."""
        await self.stop(rudely=True)
        await asyncio.sleep(seconds)
        await self.start()

    def refresh(self) -> None:
        """Move the books to the price of now, fill what it reaches, and tell the subscribers."""
        self._timer.tick()
        if self.faults.active(FaultName.KRAKEN_MAINTENANCE) is None:
            self.exchange.follow_prices()
        self._stream.refresh()


def _report(task: asyncio.Task[None]) -> None:
    """Say at once that the market has stopped, and why: nobody awaits the task before the end."""
    if not task.cancelled() and task.exception() is not None:
        message = "the Kraken stand-in's market has stopped"
        context = {"message": message, "exception": task.exception(), "task": task}
        task.get_loop().call_exception_handler(context)


async def _repeat(work: Callable[[], None], every_s: float) -> None:
    while True:
        work()
        await asyncio.sleep(every_s)
