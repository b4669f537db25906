"""Hundreds of wrong bars and frames in seconds, through one consumer inside this process.

The bars are stretches of every real file, the gappy ones too, where the files are.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from market_sim.clock import FastClock, utc_now
from market_sim.data_soak.audit import LifeAudit, Truth
from market_sim.data_soak.bars import soak_tables
from market_sim.data_soak.consumer import ConsumerWish, consume
from market_sim.data_soak.diary import DiaryReader, delivered
from market_sim.data_soak.soak import KEY
from market_sim.faults import FaultSwitch
from market_sim.market import SimMarket
from market_sim.polygon_pages import ms
from market_sim.polygon_server import PolygonStandIn, serving
from market_sim.polygon_storm import BARS
from market_sim.trials.prices import coins
from tests.real_data import FOLDER

SEED, HISTORY_BARS, SPEED = 1, 60, 4.0
FILES = sorted(FOLDER.glob("*.parquet"))
SYMBOLS = len(FILES) or 8
STORMY_BARS = 60
LIVE_BARS = 2400
"""Far more than are needed: a busy computer may take a while."""
PATIENCE_S = 60.0
"""So long without a bar of those that are missing, and it has failed."""
FRAMES = {kind.name for kind in BARS if kind.lasts_s is None}


def a_market(seed: int) -> SimMarket:
    return SimMarket(
        soak_tables(FILES, coins(SYMBOLS), HISTORY_BARS + LIVE_BARS, seed),
        description="stretches of bars",
        bar_seconds=1,
        live_start=utc_now().replace(microsecond=0),
        history_bars=HISTORY_BARS,
    )


def a_wish(stand_in: PolygonStandIn, clock: FastClock, folder: Path) -> ConsumerWish:
    market = stand_in.stream.market
    return ConsumerWish(
        address=stand_in.address,
        key=KEY,
        symbols=market.symbols,
        folder=str(folder / "bars"),
        diary=str(folder / "diary"),
        bar_seconds=1,
        history_start=market.start_of(0).isoformat(),
        live_start=market.live_start.isoformat(),
        clock_shown=clock.shown.isoformat(),
        clock_at=clock.at.isoformat(),
        clock_speed=clock.speed,
        slow_share=0.0,
        seed=1,
        hasty=True,
    )


def switch_on(faults: FaultSwitch) -> None:
    for kind in BARS:
        often = 0.04 if kind.name in FRAMES else 0.02
        amount = None if kind.amount is None else kind.amount[1]
        faults.on(kind.name, probability=often, amount=amount)


async def test_no_wrong_bar_passes_and_no_true_one_is_lost(tmp_path: Path) -> None:
    market = a_market(SEED)
    clock = FastClock(market.live_start, utc_now(), SPEED)
    async with serving(market, KEY, clock=clock, seed=SEED) as stand_in:
        audit = LifeAudit(
            Truth(stand_in.stream.events),
            {symbol: {} for symbol in market.symbols},
        )
        wish = a_wish(stand_in, clock, tmp_path)
        reader = DiaryReader(Path(wish.diary))
        tasks = [asyncio.create_task(x) for x in (stand_in.stream.publish_live(), consume(wish))]
        switch_on(stand_in.faults)
        await _rages(stand_in, tasks[1])
        stand_in.faults.all_off()
        until_ms = ms(clock() + timedelta(seconds=20))
        await _settles(audit, reader, until_ms, lambda: ms(clock()) > until_ms)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert audit.problems == []
    assert audit.missing(until_ms) == {}


async def _rages(stand_in: PolygonStandIn, consuming: "asyncio.Task[None]") -> None:
    """Wait until many bars were sent, many faults have struck, and most kinds of them."""
    while not consuming.done() and not _has_raged(stand_in):  # noqa: ASYNC110 (behind a socket)
        await asyncio.sleep(0.1)


def _has_raged(stand_in: PolygonStandIn) -> bool:
    struck = stand_in.faults.happened
    return (
        stand_in.stream.sent_bars >= STORMY_BARS * SYMBOLS
        and sum(struck.values()) > STORMY_BARS
        and len(struck) > len(BARS) // 2
    )


async def _settles(
    audit: LifeAudit, reader: DiaryReader, until_ms: int, is_over: Callable[[], bool]
) -> None:
    """Judge what comes until nothing is missing, or for long no bar of what is."""
    least, give_up = None, time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        await asyncio.sleep(0.2)
        for what, value in reader.entries():
            if what == "filled":
                audit.given = value
            if what == "bars":
                audit.take(delivered(value))
        missing = sum(map(len, audit.missing(until_ms).values()))
        if is_over() and not missing:
            return
        if least is None or missing < least:
            least, give_up = missing, time.monotonic() + PATIENCE_S
