import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pandas as pd
import pytest

from signal_server.core.clock import utc_now
from signal_server.journal.journal import Journal
from signal_server.journal.pruning import Pruning
from signal_server.serving.engine import Bookkeeping, Engine
from signal_server.serving.hub import Hub
from signal_server.serving.lineup import Lineup
from signal_server.serving.predictor import Freshness, RefusalReason
from tests.signal_server.serving.world import (
    SYMBOLS,
    Live,
    World,
    bar,
    bars,
    connected,
    make_world,
    model,
    read,
    stage,
)

PRUNING = Pruning(timedelta(days=30), 60)


async def stream_of(*lives: Live) -> AsyncIterator[list[Live]]:
    for live in lives:
        yield [live]


class Store:
    bar_seconds = 60

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def read(
        self, _symbol: str, start: datetime | None = None, end: datetime | None = None
    ) -> pd.DataFrame:
        return self.frame[(self.frame.index > start) & (self.frame.index <= end)]

    def last_close(self, _symbol: str) -> datetime | None:
        return self.frame.index[-1].to_pydatetime()


async def test_repaired_bars_fill_the_history_without_old_signals(world: World) -> None:
    start = world.clock.now
    world.clock.advance(180)
    lives = [
        Live(bar(start + timedelta(minutes=minute)), world.clock.now, repaired=minute < 3)
        for minute in (1, 2, 3)
    ]
    await world.engine.run(stream_of(*lives))
    activity = world.engine.activity
    assert (activity.bars, activity.repaired_bars, activity.signals) == (3, 2, 1)
    assert activity.refusals == {}


async def test_the_stream_is_closed_when_the_engine_is_stopped_behind_it(world: World) -> None:
    ahead, closed = asyncio.Event(), asyncio.Event()

    async def stream() -> AsyncIterator[list[Live]]:
        try:
            for minute in range(5):
                if minute == 2:
                    ahead.set()
                yield [Live(bar(world.clock.now + timedelta(minutes=minute)), world.clock.now)]
        finally:
            closed.set()

    async with world.engine._turn:
        running = asyncio.create_task(world.engine.run(stream()))
        await ahead.wait()
        running.cancel()
        await asyncio.wait([running])
    assert closed.is_set()


async def test_a_refusal_stands_until_the_next_signal(world: World) -> None:
    missed = world.clock.now + timedelta(minutes=1)
    world.clock.advance(120)
    await world.engine.take([Live(bar(missed), world.clock.now)])
    assert world.engine.activity.refusals["BTC-USD"].reason is RefusalReason.LATE_BAR
    await world.issue()
    assert world.engine.activity.refusals == {}


async def test_a_bar_of_a_hole_leaves_the_newest_signal_alone(world: World) -> None:
    missed = world.clock.now + timedelta(minutes=1)
    world.clock.advance(60)
    await world.issue()
    await world.engine.take([Live(bar(missed), world.clock.now, repaired=True)])
    assert world.engine.activity.refusals == {}
    assert world.engine.activity.signals == 1


async def test_bookkeeping_stores_measurements_and_outcomes(world: World) -> None:
    await world.issue()
    later = bars(200, end=world.clock.now + timedelta(hours=3))
    keeper = Bookkeeping(world.journal.path, Store(later), world.engine.metrics, 60.0, PRUNING)
    await keeper.once()
    names = {row["name"] for row in world.journal.query("SELECT name FROM health_metrics")}
    assert {"bars", "signals", "bar_to_signal_median", "bar_to_signal_worst"} <= names
    (row,) = world.journal.query("SELECT actual_move, correct FROM ml_predictions")
    assert row["actual_move"] is not None


async def test_a_prediction_that_cannot_be_written_down_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal_server.journal.journal.BUSY_TIMEOUT_S", 0.01)
    world = make_world(tmp_path / "signals.sqlite")
    with world.hub.subscribe(["BTC-USD"], "a") as subscription:
        with sqlite3.connect(world.journal.path) as other:
            other.execute("BEGIN IMMEDIATE")
            await world.issue()
        assert await subscription.next(0) is None
        refusal = world.engine.activity.refusals["BTC-USD"]
        assert refusal.reason is RefusalReason.NOT_RECORDED
        await world.issue()
        assert await subscription.next(1) is not None
    world.journal.close()


async def test_durations_are_reported_once(world: World) -> None:
    await world.issue()
    assert any(metric.name == "bar_to_signal_count" for metric in world.engine.metrics())
    assert not any(metric.name == "bar_to_signal_count" for metric in world.engine.metrics())


async def test_the_way_from_a_bar_to_a_client_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(tmp_path / "signals.sqlite")
    # Real time here: the durations are what is looked at, and nothing is asserted of them.
    start = utc_now().replace(microsecond=0) - timedelta(minutes=5)
    history = {symbol: bars(100, end=start, bar_seconds=1) for symbol in SYMBOLS}
    long = stage(utc_now, history, freshness=Freshness(3600, 3600))
    lineup = Lineup(model(bar_seconds=1), long)
    with Journal.open(tmp_path / "other.sqlite") as journal:
        hub = Hub()
        engine = Engine(lineup, journal, hub, utc_now)
        measured = World(journal, world.clock, hub, engine)
        durations_ms = []
        async with measured.served() as server, connected(server) as client:
            stream = client.stream()
            await read(stream)
            for number in range(1, 101):
                made = bar(start + timedelta(seconds=number))
                await engine.take([Live(made, utc_now())])
                sent = (await read(stream)).signal
                received = sent.bar_received_at.ToDatetime(tzinfo=start.tzinfo)
                durations_ms.append((utc_now() - received).total_seconds() * 1000)
    world.journal.close()
    with capsys.disabled():
        print(
            f"\nbar to client over gRPC: median {median(durations_ms):.2f} ms,"
            f" worst {max(durations_ms):.2f} ms ({len(durations_ms)} signals)"
        )
    assert len(durations_ms) == 100
