"""A long run with random faults, kills, restarts and signals; then every digit is compared."""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

import psutil

from market_sim.trials.audit import disagreements, everything, unfinished, unsafe
from market_sim.trials.memory import Memory
from market_sim.trials.prices import coins
from market_sim.trials.site import Plan, Site, running_site, until
from market_sim.trials.waves import WavingPrices
from signal_server.core.domain import Direction

SETTLE_S = 300.0
SIGNAL_VALID_S = 20.0
LOOK_S = 60.0
_SETTINGS = {"time_limit_s": 240, "stop_loss": 0.015, "take_profit": 0.015, "cooldown_s": 5}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a soak is to be; `pause_s` is the usual time between two deaths of the bot."""

    minutes: float
    seed: int
    coins: int
    storm_every_s: float = 15.0
    pause_s: float = 240.0
    signals_every_s: float = 1.0


@dataclass(slots=True)
class Soaked:
    """What came of it."""

    wish: Wish
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    earned: Decimal = Decimal(0)
    log: str = ""


class Soak:
    """Runs on a site whose prices move by themselves."""

    def __init__(self, site: Site, wish: Wish, say: Callable[[str], None]) -> None:
        self._site, self._wish, self._say = site, wish, say
        self._random = Random(f"soak {wish.seed}")  # noqa: S311 - chance in a simulation
        self._result = Soaked(wish)
        self._end = 0.0

    async def run(self) -> Soaked:
        """Run it to its end; what is wrong is in the result."""
        await self._site.start_bot()
        self._end = time.monotonic() + self._wish.minutes * 60
        self._site.kraken.storm(
            self._wish.seed, self._wish.minutes * 60, every_s=self._wish.storm_every_s
        )
        background = [asyncio.create_task(task()) for task in (self._signals, self._watch)]
        try:
            await self._deaths()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        await self._settle()
        return self._result

    async def _deaths(self) -> None:
        """Kill and stop the bot now and then, and start it again."""
        while True:
            pause_s = self._random.uniform(0.5, 1.5) * self._wish.pause_s
            left_s = self._end - time.monotonic()
            await asyncio.sleep(min(pause_s, max(left_s, 0)))
            if time.monotonic() >= self._end:
                return
            if self._random.random() < 0.7:
                self._result.counts["kill -9"] += 1
                await self._site.kill_bot()
            else:
                self._result.counts["graceful stops"] += 1
                await self._site.stop_bot()
            await asyncio.sleep(self._random.uniform(0, 5))
            await self._start()

    async def _start(self) -> None:
        """Start the bot; a storm may keep it from starting the first time."""
        for _ in range(3):
            with suppress(TimeoutError):
                await self._site.start_bot()
                return
            self._result.counts["starts that failed"] += 1
            await self._site.kill_bot()
        raise TimeoutError(f"the bot does not start any more:\n{self._site.bot.log()}")

    async def _signals(self) -> None:
        symbols = self._site.plan.symbols
        while True:
            await asyncio.sleep(self._random.expovariate(1 / self._wish.signals_every_s))
            symbol = self._random.choice(symbols)
            up = self._random.random() < 0.8
            with suppress(ValueError):  # two signals of a coin at one instant
                self._site.publisher.publish(
                    symbol,
                    Direction.UP if up else Direction.DOWN,
                    self._site.prices.now(symbol),
                    SIGNAL_VALID_S,
                )
                self._result.counts["signals"] += 1

    async def _watch(self) -> None:
        """Note the memory, and look for what must never be true."""
        looked = time.monotonic()
        while True:
            await asyncio.sleep(2)
            pid = self._site.bot.pid
            with suppress(psutil.Error):
                if pid is not None:
                    self._result.memory.note(pid, psutil.Process(pid).memory_info().rss)
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                self._tell()

    def _tell(self) -> None:
        case = self._site.case()
        for problem in unsafe(case):
            if problem not in self._result.problems:
                self._result.problems.append(problem)
                self._say(problem)
        left = max(0.0, self._end - time.monotonic()) / 60
        trades, held = len(case.books.trades), sum(not p.done for p in case.said.positions)
        self._say(f"{left:.0f} min left, {trades} trades, {held} positions open")

    async def _settle(self) -> None:
        """Calm the storm, have the bot sell all, restart it once more, and compare."""
        self._site.kraken.faults.all_off()
        if self._site.bot.pid is None:
            await self._start()
        await asyncio.sleep(5)
        for symbol in self._site.plan.symbols:
            price = self._site.prices.now(symbol)
            with suppress(ValueError):
                self._site.publisher.publish(symbol, Direction.DOWN, price, SETTLE_S)

        def agreed() -> bool:
            case = self._site.case()
            return not unfinished(case) and not disagreements(case)

        await until(agreed, SETTLE_S, every_s=1)
        self._conclude()

    def _conclude(self) -> None:
        case, result = self._site.case(), self._result
        result.problems = list(dict.fromkeys([*result.problems, *everything(case)]))
        result.faults = {name.value: n for name, n in self._site.kraken.faults.happened.items()}
        result.counts["orders"] = len(case.books.orders)
        result.counts["trades"] = len(case.books.trades)
        result.counts["positions"] = len(case.said.positions)
        result.counts["coins traded"] = len({trade.symbol for trade in case.books.trades})
        result.counts["events in the server's log"] = self._logged_events()
        result.earned = sum(
            (case.books.earned(symbol) for symbol in self._site.plan.symbols), Decimal(0)
        )
        for position in case.said.positions:
            result.counts[f"left by {position.reason}"] += 1
        if result.problems:
            result.log = self._site.bot.log()

    def _logged_events(self) -> int:
        rows = self._site.publisher.journal.query("SELECT count(*) AS n FROM trade_events")
        return int(rows[0]["n"])


async def soak(wish: Wish, say: Callable[[str], None]) -> Soaked:
    """Run a soak on a site of its own."""
    symbols = coins(wish.coins)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    plan = Plan("live", symbols, _SETTINGS, wish.seed)
    try:
        async with running_site(plan, folder, WavingPrices(symbols, wish.seed)) as site:
            return await Soak(site, wish, say).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
