"""Hundreds of wrong bars and frames in seconds, through one consumer inside this process.

The bars are stretches of every real file, the gappy ones too, where the files are.
"""

import asyncio
import time
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
STORMY_BARS, PATIENCE_S = 60, 60.0
FRAMES = {kind.name for kind in BARS if kind.lasts_s is None}


def a_market(seed: int) -> SimMarket:
    steps = HISTORY_BARS + round((STORMY_BARS + PATIENCE_S * SPEED) * 1.5)
    return SimMarket(
        soak_tables(FILES, coins(SYMBOLS), steps, seed),
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
        await _reaches(stand_in, STORMY_BARS * SYMBOLS)
        stand_in.faults.all_off()
        until_ms = ms(clock() + timedelta(seconds=20))
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            await asyncio.sleep(0.2)
            for what, value in reader.entries():
                if what == "filled":
                    audit.given = value
                if what == "bars":
                    audit.take(delivered(value))
            if ms(clock()) > until_ms and not audit.missing(until_ms):
                break
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert audit.problems == []
    assert audit.missing(until_ms) == {}
    struck = stand_in.faults.happened
    assert sum(struck.values()) > STORMY_BARS
    assert len(struck) > len(BARS) // 2


async def _reaches(stand_in: PolygonStandIn, bars: int) -> None:
    """Wait until so many bars were sent."""
    async with asyncio.timeout(PATIENCE_S):
        while stand_in.stream.sent_bars < bars:  # noqa: ASYNC110 (it happens behind a socket)
            await asyncio.sleep(0.1)
