"""Live bars through a storm, kills and restarts; then every bar is compared with the source."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from market_sim.clock import FastClock, utc_now
from market_sim.data_soak.audit import Bars, LifeAudit, Truth, missing_problems
from market_sim.data_soak.bars import soak_tables
from market_sim.data_soak.consumer import KEY_REFUSED, ConsumerWish
from market_sim.data_soak.life import Life, begin
from market_sim.data_soak.store_audit import (
    corrections,
    damage_problems,
    store_problems,
    stored_bars,
)
from market_sim.market import SimMarket
from market_sim.polygon_pages import ms
from market_sim.polygon_server import PolygonStandIn, serving
from market_sim.polygon_storm import polygon_storm, unleash
from market_sim.trials.prices import coins
from signal_server.market.store import BarStore

KEY = "soak-key"
PAGE_BARS = 40
DEATHS_SHARE = 0.6
PATIENT_SHARE = 0.75
START_S = 180.0
SETTLE_S = 240.0
CALM_BARS = 12
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class DataWish:
    """What a soak is to be; `pause_s` is the usual time between two deaths of the consumer.

    Bars last a second of a clock that runs `speed` times faster than the real one. The bars are
    cut from `files`, or seeded if there are none. It lasts longer than `minutes` if fewer faults
    than `least_faults` have struck by then: a busy computer may be slow to listen.
    """

    minutes: float
    seed: int
    symbols: int = 100
    storm_every_s: float = 3.0
    pause_s: float = 45.0
    speed: float = 1.0
    history_bars: int = 600
    hasty: bool = False
    least_faults: int = 0
    files: tuple[Path, ...] = ()


@dataclass(slots=True)
class DataSoaked:
    """What came of it; memory is the last consumer's, in bytes, second by second."""

    wish: DataWish
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    waits_ms: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    log: str = ""


class DataSoak:
    """One run, beside a stand-in that publishes."""

    def __init__(
        self,
        wish: DataWish,
        stand_in: PolygonStandIn,
        clock: FastClock,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._wish, self._stand_in, self._clock, self._say = wish, stand_in, clock, say
        self._folder = folder
        self._random = Random(f"data soak {wish.seed}")  # noqa: S311 - chance in a simulation
        market = stand_in.stream.market
        self._market = market
        self._truth = Truth(stand_in.stream.events)
        self._held: dict[str, Bars] = {symbol: {} for symbol in market.symbols}
        self._result = DataSoaked(wish)
        self._number = 0

    async def run(self) -> DataSoaked:
        """Run it to its end; what is wrong is in the result."""
        seconds, every_s = self._wish.minutes * 60, self._wish.storm_every_s
        # Longer than needed: the time counts from when the first consumer listens.
        gusts = polygon_storm(self._wish.seed, seconds + START_S, every_s)
        stormy = asyncio.create_task(unleash(gusts, self._stand_in.faults))
        try:
            life = await self._listening(await self._start())
            began = time.monotonic()
            life = await self._deaths(life, began + DEATHS_SHARE * seconds)
            life = await self._watch(life, began + seconds)
            while self._is_too_calm() and not stormy.done():
                life = await self._watch(life, time.monotonic() + LOOK_S)
        finally:
            stormy.cancel()
        await self._settle(life)
        return self._result

    def _is_too_calm(self) -> bool:
        return sum(self._stand_in.faults.happened.values()) < self._wish.least_faults

    async def _listening(self, life: Life) -> Life:
        """Wait until the consumer has its history and listens."""
        until_s = time.monotonic() + START_S
        while not life.listening and time.monotonic() < until_s:
            life = await self._watch(life, time.monotonic() + LOOK_S / 4)
        if not life.listening:
            self._problems([f"the consumer did not start: {life.last_words()}"])
        return life

    async def _deaths(self, life: Life, until_s: float) -> Life:
        """Kill and stop the consumer now and then, some while they start, and start it again.

        At least once, however late it is.
        """
        while True:
            if self._random.random() < PATIENT_SHARE:
                life = await self._listening(life)
            pause_s = self._random.uniform(0.1, 1.9) * self._wish.pause_s
            life = await self._watch(life, min(time.monotonic() + pause_s, until_s))
            if time.monotonic() >= until_s and self._result.counts["lives"] > 1:
                return life
            kill = self._random.random() < 0.7
            self._result.counts["kill -9" if kill else "stops"] += 1
            await life.end(signal.SIGKILL if kill else signal.SIGTERM)
            life = await self._again(life)

    async def _watch(self, life: Life, until_s: float) -> Life:
        """Look at the consumer until a moment; start it again if it ends by itself."""
        while time.monotonic() < until_s:
            await asyncio.sleep(min(LOOK_S, max(0.01, until_s - time.monotonic())))
            life.look()
            if life.ended:
                life = await self._revived(life)
        return life

    async def _revived(self, life: Life) -> Life:
        if life.process.returncode == KEY_REFUSED:
            self._result.counts["ends because the key was refused"] += 1
        else:
            code = life.process.returncode
            self._problems([f"the consumer ended by itself ({code}): {life.last_words()}"])
        return await self._again(life)

    async def _again(self, life: Life) -> Life:
        await self._bury(life)
        await asyncio.sleep(self._random.uniform(0, 5))
        return await self._start()

    async def _bury(self, life: Life) -> None:
        """Compare what a dead consumer left with what was there, and keep its figures."""
        now = await asyncio.to_thread(self._read)
        for symbol, before in self._held.items():
            self._problems(store_problems(self._truth, symbol, now[symbol], before))
        self._held = now
        self._problems(life.audit.problems)
        self._result.counts += life.audit.counts
        self._result.waits_ms += life.audit.waits_ms
        self._result.resident = life.resident
        life.reader.path.unlink(missing_ok=True)

    async def _start(self) -> Life:
        self._number += 1
        self._result.counts["lives"] += 1
        audit = LifeAudit(self._truth, self._held)
        return await begin(self._consumer(), self._folder, self._number, audit)

    def _consumer(self) -> ConsumerWish:
        wish, clock = self._wish, self._clock
        return ConsumerWish(
            address=self._stand_in.address,
            key=KEY,
            symbols=self._market.symbols,
            folder=str(self._folder / "bars"),
            diary=str(self._folder / f"life-{self._number}.diary"),
            bar_seconds=self._market.bar_seconds,
            history_start=self._market.start_of(0).isoformat(),
            live_start=self._market.live_start.isoformat(),
            clock_shown=clock.shown.isoformat(),
            clock_at=clock.at.isoformat(),
            clock_speed=clock.speed,
            slow_share=0.02,
            seed=wish.seed + self._number,
            hasty=wish.hasty,
        )

    async def _settle(self, life: Life) -> None:
        """Calm the storm, wait until nothing is missing, stop, and compare the store."""
        self._stand_in.faults.all_off()
        calm = self._clock() + timedelta(seconds=CALM_BARS * self._market.bar_seconds)
        until_ms = ms(calm)
        self._say("the storm is over")
        before, give_up = None, time.monotonic() + SETTLE_S
        while time.monotonic() < give_up:
            life = await self._watch(life, time.monotonic() + LOOK_S)
            missing = sum(len(closes) for closes in life.audit.missing(until_ms).values())
            if self._clock() > calm and not missing:
                break
            # It may be slow, if it comes on: by bars, or by the history that it fetches first.
            state = missing, 0 if life.listening else self._stand_in.rest.answered
            if state != before:
                before, give_up = state, time.monotonic() + SETTLE_S
        self._problems(missing_problems(life.audit.missing(until_ms), "downstream"))
        await life.end(signal.SIGTERM)
        if life.process.returncode:
            self._problems([f"the consumer ended with {life.process.returncode}"])
        await self._bury(life)
        self._conclude(life, until_ms)

    def _conclude(self, life: Life, until_ms: int) -> None:
        result, stream = self._result, self._stand_in.stream
        lacking = {
            symbol: self._truth.closes(symbol, until_ms) - self._held[symbol].keys()
            for symbol in self._market.symbols
        }
        lacking = {symbol: closes for symbol, closes in lacking.items() if closes}
        self._problems(missing_problems(lacking, "in the store"))
        store = BarStore(self._folder / "bars", self._market.bar_seconds)
        self._problems(damage_problems(store, self._market.symbols))
        result.counts += corrections(self._truth, store, self._market.ends_at)
        result.faults = {n.value: x for n, x in self._stand_in.faults.happened.items()}
        result.counts["bars in the store"] = sum(len(bars) for bars in self._held.values())
        result.counts["connections"] = stream.connections
        result.counts["answers of REST"] = self._stand_in.rest.answered
        result.problems = list(dict.fromkeys(result.problems))
        if result.problems:
            result.log = life.last_words()

    def _read(self) -> dict[str, Bars]:
        store = BarStore(self._folder / "bars", self._market.bar_seconds)
        return {symbol: stored_bars(store.read(symbol)) for symbol in self._market.symbols}

    def _problems(self, found: list[str]) -> None:
        for problem in found[:5]:
            self._say(problem)
        self._result.problems += found


async def soak_data(wish: DataWish, say: Callable[[str], None]) -> DataSoaked:
    """Run a soak with a stand-in, a market and a folder of its own."""
    seconds = wish.minutes * 60 + START_S + SETTLE_S + 120
    steps = wish.history_bars + int(seconds * wish.speed)
    tables = soak_tables(wish.files, coins(wish.symbols), steps, wish.seed)
    live_start = utc_now().replace(microsecond=0)
    clock = FastClock(live_start, utc_now(), wish.speed)
    market = SimMarket(
        tables,
        description="stretches of real bars" if wish.files else "seeded bars",
        bar_seconds=1,
        live_start=live_start,
        history_bars=wish.history_bars,
    )
    folder = Path(tempfile.mkdtemp(prefix="data-soak-"))
    try:
        async with serving(market, KEY, clock=clock, seed=wish.seed) as stand_in:
            stand_in.rest.page_bars = PAGE_BARS
            publishing = asyncio.create_task(stand_in.stream.publish_live())
            try:
                return await DataSoak(wish, stand_in, clock, folder, say).run()
            finally:
                publishing.cancel()
                with suppress(asyncio.CancelledError):
                    await publishing
    finally:
        shutil.rmtree(folder, ignore_errors=True)
