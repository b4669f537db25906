"""How soon a bot that was killed in the middle of heavy trading guards its positions again.

The real Kraken connector, the journal on disk and the stand-in of Kraken, which counts calls as
Kraken does for a starter account; its counter is empty or full when the bot comes back. Of the
positions' entries most are journaled to their end; of some only Kraken's id is, of a few not even
that.

Run `python -m bench.recovery [empty|full]`; it prints JSON. It takes as long as the recoveries.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hummingbot.connector.exchange.kraken import kraken_constants
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory

from bench.result import Result
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.exchange import Exchange
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.kraken.connector import CarefulKraken
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.positions import PositionBook, Submission
from hummingbot_scripts.ml_signals.recovering import Recovery
from hummingbot_scripts.ml_signals.trades import Fill, OrderSide, Position
from market_sim.kraken_limits import Tier
from market_sim.kraken_orders import NewOrder, Order, OrderType, Side
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from signal_server.core.clock import utc_now

HELD = 30
WITHOUT_FILLS = 6
WITHOUT_ID = 3
TRADES = 300
WINDOW_S = 600.0
PRICE = 100.0
SIZE = Decimal("0.5")
COMMAND = "python -m bench.recovery"
COUNTED = {"empty": 0, "full": 15}
"""Calls that Kraken has counted when the bot comes back."""


class StillPrices:
    """One price for every coin, which never moves."""

    symbols = tuple(f"C{number:02d}-USD" for number in range(HELD))

    def price_at(self, _symbol: str, _when: datetime, /) -> float:
        """Return the price."""
        return PRICE


@dataclass
class Measured:
    """Seconds since the connector's start, and how many private calls there were by method."""

    ready_s: float = 0.0
    guarded_s: list[float] = field(default_factory=list)
    settled_s: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    calls_until_guarded: int = 0


class Past:
    """What the bot did before it was killed: at the stand-in, and in its journal."""

    def __init__(self, kraken: KrakenStandIn, journal: Journal) -> None:
        self._exchange = kraken.exchange
        self._now = utc_now()
        self._journal = journal
        sender = Sender("bench", "live", "kraken")
        self._book = PositionBook(journal, sender, lambda: self._now, lambda: None)

    def happen(self) -> None:
        """Trade `TRADES` times in `WINDOW_S`; the newest entries are held."""
        killed_at, pairs = utc_now(), (TRADES - HELD) // 2
        step = timedelta(seconds=WINDOW_S / (2 * pairs + HELD + 1))
        self._now = killed_at - timedelta(seconds=WINDOW_S)
        for number in range(pairs):
            for side in (Side.BUY, Side.SELL):
                self._now += step
                self._trade(side, 10_000 + 2 * number, StillPrices.symbols[number % HELD])
        for number, symbol in enumerate(StillPrices.symbols, 1):
            self._now += step
            self._enter(number, symbol)

    def _enter(self, number: int, symbol: str) -> None:
        one = Decimal(1)
        plan = Plan(SIZE, Decimal(PRICE), self._now.timestamp())
        self._book.opened(
            Position(f"p{number}", symbol, number, one, one, SIZE, self._now, plan=plan)
        )
        self._book.submitted(Submission(str(number), symbol, OrderSide.BUY, "MARKET", SIZE, None))
        order = self._trade(Side.BUY, number, symbol)
        heard = HELD - number
        if heard >= WITHOUT_ID:
            self._book.acknowledged(str(number), order.id)
        if heard >= WITHOUT_ID + WITHOUT_FILLS:
            self._hear_fills(order)

    def _hear_fills(self, order: Order) -> None:
        for t in self._exchange.trades:
            if t.order_id == order.id:
                name = str(order.wanted.userref)
                fill = Fill(name, t.id, t.price, t.size, t.fee, t.at, t.cost)
                self._book.filled(fill, None)

    def _trade(self, side: Side, userref: int, symbol: str) -> Order:
        exchange = self._exchange
        exchange.follow_prices()
        pair, before = exchange.pairs[symbol], len(exchange.trades)
        wanted = NewOrder(pair, side, OrderType.MARKET, SIZE, None, userref)
        order = exchange.add(wanted)
        exchange.work(order)
        order.opened_at = order.closed_at = self._now
        late = [replace(trade, at=self._now) for trade in exchange.trades[before:]]
        exchange.trades[before:] = late
        return order


@asynccontextmanager
async def stand_in() -> AsyncIterator[KrakenStandIn]:
    """Run a stand-in that counts calls."""
    settings = KrakenSettings(balances={"ZUSD": Decimal(1_000_000)}, tier=Tier.STARTER)
    kraken = KrakenStandIn(StillPrices(), settings, utc_now)
    addresses = await kraken.start()
    kraken_constants.BASE_URL = addresses.rest_url
    kraken_constants.WS_URL = addresses.ws_url
    kraken_constants.WS_AUTH_URL = addresses.ws_auth_url
    try:
        yield kraken
    finally:
        await ConnectionsFactory().close()
        await kraken.stop()


async def recover(kraken: KrakenStandIn, journal: Journal, counted: int) -> Measured:
    """Start a connector and a recovery as the script does; return when what happened."""
    found, began = Measured(), time.perf_counter()
    connector = CarefulKraken(
        TEST_KEY, TEST_SECRET, trading_pairs=list(StillPrices.symbols), kraken_api_tier="starter"
    )
    _count(kraken, found, counted)

    def passed() -> float:
        return time.perf_counter() - began

    def adopt(_adoption: Any) -> None:
        found.guarded_s.append(passed())
        found.calls_until_guarded = found.calls.total()

    clock = Clock(ClockMode.REALTIME, 1.0)
    clock.add_iterator(connector)
    with clock:
        ticking = asyncio.create_task(clock.run())
        while not connector.ready:  # noqa: ASYNC110 (Hummingbot tells nobody)
            await asyncio.sleep(0.05)
        found.ready_s = passed()
        sender = Sender("bench", "live", "kraken")
        book = PositionBook(journal, sender, utc_now, lambda: None)
        await Recovery(Exchange("kraken", connector), book, adopt, utc_now).run()
        found.settled_s = passed()
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
    await connector.stop_network()
    return found


def _count(kraken: KrakenStandIn, found: Measured, before: int) -> None:
    """Let Kraken have counted so much, as a busy bot leaves it, and count from here on."""
    limits, call = kraken.limits, kraken.limits.call
    for _ in range(before):
        call("Balance")

    def counted(method: str) -> None:
        found.calls[method] += 1
        call(method)

    limits.call = counted  # type: ignore[method-assign]


async def run(folder: Path, counted: int) -> Measured:
    """Trade, be killed, come back."""
    async with stand_in() as kraken:
        before = Journal(folder / "bot.sqlite")
        Past(kraken, before).happen()
        before.close()
        journal = Journal(folder / "bot.sqlite")
        try:
            return await recover(kraken, journal, counted)
        finally:
            journal.close()


def measure(cases: Iterable[str] = tuple(COUNTED)) -> list[Result]:
    """Return every figure."""
    return [result for case in cases for result in _measure(case)]


def _measure(case: str) -> list[Result]:
    with TemporaryDirectory() as folder:
        found = asyncio.run(run(Path(folder), COUNTED[case]))
    if len(found.guarded_s) != HELD:
        raise RuntimeError(f"{len(found.guarded_s)} of {HELD} positions are guarded")
    data = (
        f"{HELD} positions ({WITHOUT_FILLS} without fills, {WITHOUT_ID} without id), {TRADES} "
        f"trades in {WINDOW_S:.0f} s, starter tier, {COUNTED[case]} calls counted before"
    )
    known = found.guarded_s[HELD - WITHOUT_FILLS - WITHOUT_ID - 1]
    seconds = {"known_guarded": known, "all_guarded": found.guarded_s[-1]}
    seconds["settled"] = found.settled_s
    ready_s, calls = round(found.ready_s, 2), found.calls_until_guarded
    return [
        *(
            Result(
                f"recovery_{name}_{case}",
                round(value, 2),
                "s",
                ready_s,
                "the connector is ready",
                data,
                COMMAND,
            )
            for name, value in seconds.items()
        ),
        Result(f"recovery_calls_{case}", calls, "calls", 2, "orders and balances", data, COMMAND),
    ]


if __name__ == "__main__":
    chosen = sys.argv[1:] or tuple(COUNTED)
    json.dump([asdict(result) for result in measure(chosen)], sys.stdout, indent=2)
