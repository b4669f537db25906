"""The script's own share of a tick with 100 coins, and how soon a signal becomes an order.

The real strategy, its journal on disk, Hummingbot's real Kraken connector made careful, the
product's own gRPC services and the stand-in of Kraken, all in this process: the tick is timed
inside, so only the script's own work counts. The floor is the same tick of an empty script.

Run `python -m bench.script_tick`; it prints JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from hummingbot.connector.exchange.kraken import kraken_constants
from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory

import hummingbot_scripts.ml_signal_strategy as script
from bench.result import Result
from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig
from hummingbot_scripts.ml_signals.kraken.connector import CarefulKraken
from market_sim.kraken_book import BookShape
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from market_sim.trials.publisher import Publisher, publishing
from signal_server.core.clock import utc_now
from signal_server.core.domain import Direction

COINS = 100
TICKS = 120
HELD = 20
CHANCE = random.Random(7)  # noqa: S311 - when signals come, not who guesses it
PRICE = 100.0
COMMAND = "python -m bench.script_tick"


class NoRecorder:
    """Stands for Hummingbot's own log of executors, which is not the script's share."""

    def get_all_executors(self) -> list[Any]:
        """Return nothing from earlier runs."""
        return []

    def get_all_positions(self) -> list[Any]:
        """Return nothing from earlier runs."""
        return []

    def store_or_update_executor(self, executor: Any) -> None:
        """Forget it."""


class StillPrices:
    """One price for every coin, which never moves."""

    symbols = tuple(f"C{number:02d}-USD" for number in range(COINS))

    def price_at(self, _symbol: str, _when: datetime, /) -> float:
        """Return the price."""
        return PRICE


class Timed:
    """A strategy's ticks, in milliseconds, and when its orders left."""

    def __init__(self, strategy: Any) -> None:
        self.ticks_ms: list[float] = []
        self.cpu_ms: list[float] = []
        self.entering_ms: list[float] = []
        self.orders_s: list[float] = []
        self._strategy = strategy
        self._tick, self._send = strategy.on_tick, strategy._about_to_send
        strategy.on_tick = self._timed
        strategy.connectors["kraken"].before_send = self._sent

    def _timed(self) -> None:
        before = len(self._strategy._book.held_symbols)
        began, worked = time.perf_counter(), time.thread_time()
        self._tick()
        taken_ms = (time.perf_counter() - began) * 1000
        opened = len(self._strategy._book.held_symbols) - before
        if opened > 0:
            self.entering_ms.append(taken_ms / opened)
        else:
            self.ticks_ms.append(taken_ms)
            self.cpu_ms.append((time.thread_time() - worked) * 1000)

    def _sent(self, sending: Any) -> None:
        self._send(sending)
        received = self._strategy._links.signal(sending.symbol)
        self.orders_s.append((utc_now() - received.received_at).total_seconds())


def settings(server: str) -> MLSignalStrategyConfig:
    """Return the settings of a bot that may hold `HELD` coins."""
    return MLSignalStrategyConfig(
        bot_id="bench",
        connector="kraken",
        symbols=list(StillPrices.symbols),
        server=server,
        quote_size=100,
        max_positions=HELD,
        max_exposure_quote=1_000_000,
        cooldown_s=3600,
        max_orders_per_minute=1000,
        i_understand_this_trades_real_money=True,
    )


@asynccontextmanager
async def kraken() -> AsyncIterator[CarefulKraken]:
    """Run the stand-in and a connector to it."""
    stand_in = KrakenStandIn(
        StillPrices(),
        KrakenSettings(balances={"ZUSD": Decimal(100_000)}, book=BookShape(), refresh_hz=1.0),
        utc_now,
    )
    addresses = await stand_in.start()
    kraken_constants.BASE_URL = addresses.rest_url
    kraken_constants.WS_URL = addresses.ws_url
    kraken_constants.WS_AUTH_URL = addresses.ws_auth_url
    connector = CarefulKraken(
        TEST_KEY, TEST_SECRET, trading_pairs=list(StillPrices.symbols), kraken_api_tier="pro"
    )
    try:
        yield connector
    finally:
        await connector.stop_network()
        await ConnectionsFactory().close()
        await stand_in.stop()


def publish_all(publisher: Publisher, rising: int) -> None:
    """Send one signal for every coin: UP for the first `rising`, DOWN for the others."""
    for number, symbol in enumerate(StillPrices.symbols):
        direction = Direction.UP if number < rising else Direction.DOWN
        publisher.publish(symbol, direction, PRICE, 30.0)


async def run(folder: Path) -> Timed:
    """Let the bot trade for `TICKS` ticks with a signal for every coin in each second."""
    script.data_path = lambda: str(folder)
    MarketsRecorder._shared_instance = NoRecorder()
    async with AsyncExitStack() as opened:
        path = folder / "signals.sqlite"
        publisher = await opened.enter_async_context(publishing(path, StillPrices.symbols))
        connector = await opened.enter_async_context(kraken())
        strategy = script.MLSignalStrategy({"kraken": connector}, settings(publisher.address))
        timed = Timed(strategy)
        strategy._links.start()
        clock = Clock(ClockMode.REALTIME, 1.0)
        clock.add_iterator(connector)
        with clock:
            ticking = asyncio.create_task(clock.run())
            await drive(strategy, publisher, timed)
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
        await strategy._links.stop(1.0)
    return timed


async def drive(strategy: Any, publisher: Publisher, timed: Timed) -> None:
    """Tick the strategy each second, off the beat of the signals; one more coin rises each time.

    So every order has its own wait for the beat.
    """
    loop = asyncio.get_running_loop()
    next_tick, rising = loop.time(), 0
    while len(timed.ticks_ms) < TICKS:
        strategy.tick(utc_now().timestamp())
        if timed.ticks_ms:
            rising += 1
            loop.call_later(CHANCE.random(), publish_all, publisher, min(rising, HELD))
        next_tick += 1.0
        await asyncio.sleep(max(next_tick - loop.time(), 0.0))


def measure() -> list[Result]:
    """Return every figure."""
    with TemporaryDirectory() as folder:
        timed = asyncio.run(run(Path(folder)))
    data = f"{COINS} coins, {HELD} held, a signal for each coin a second, {TICKS} ticks"
    floor = empty_tick_ms()
    named: dict[str, tuple[Callable[[list[float]], float], list[float], str, float]] = {
        "script_tick_median": (median, timed.ticks_ms, "ms", floor),
        "script_tick_p99": (p99, timed.ticks_ms, "ms", floor),
        "script_tick_cpu_p99": (p99, timed.cpu_ms, "ms", floor),
        "script_tick_per_entry": (max, timed.entering_ms, "ms", floor),
        "signal_to_order_median": (median, timed.orders_s, "s", 0.5),
        "signal_to_order_p99": (p99, timed.orders_s, "s", 1.0),
    }
    return [
        Result(name, round(figure(values), 3), unit, round(least, 3), _FLOORS[unit], data)
        for name, (figure, values, unit, least) in named.items()
    ]


_FLOORS = {
    "ms": "a loop over as many coins that looks each up in a dict",
    "s": "the clock's own beat of one second",
}


def empty_tick_ms() -> float:
    """Return what the least imaginable tick takes: one look-up a coin."""
    signals = dict.fromkeys(StillPrices.symbols)
    began = time.perf_counter()
    for _ in range(1000):
        for symbol in StillPrices.symbols:
            signals.get(symbol)
    return time.perf_counter() - began


def p99(values: list[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(values, n=100)[98]


if __name__ == "__main__":
    json.dump([asdict(result) for result in measure()], sys.stdout, indent=2)
