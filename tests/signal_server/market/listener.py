"""A consumer of live bars, and what it must have heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from signal_server.market.live import LiveBar, LiveBars
from signal_server.market.live_patience import LivePatience
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import KEY, SYMBOLS, Vendor, eventually

IMPATIENT = LivePatience(
    connect_s=1.0,
    shortest_backoff_s=0.001,
    longest_backoff_s=0.01,
    attempts_per_minute=10_000,
    hold_s=5.0,
    retry_s=0.01,
    longest_retry_s=0.02,
    rest_lag_s=0.0,
    doubt_s=0.0,
    doubt_bars=0,
    tick_s=0.01,
)


@dataclass(slots=True)
class Listener:
    """Live bars as they come."""

    live: LiveBars
    heard: list[LiveBar] = field(default_factory=list)

    async def listen(self) -> None:
        async for bar in self.live.stream():
            self.heard.append(bar)

    async def reaches(self, close_time: datetime, symbols: tuple[str, ...] = SYMBOLS) -> None:
        """Wait until every symbol's newest bar is that old."""
        await eventually(lambda: all(self.closes(s)[-1:] == [close_time] for s in symbols))

    def has_all(self, served: Vendor, symbols: tuple[str, ...] = SYMBOLS) -> bool:
        """Tell whether every bar since the first was heard."""
        return all(
            len(self.closes(symbol))
            == (served.clock() - min(self.closes(symbol))).total_seconds() + 1
            for symbol in symbols
        )

    def closes(self, symbol: str) -> list[datetime]:
        return [h.bar.close_time for h in self.heard if h.bar.symbol == symbol]


@asynccontextmanager
async def listening(
    served: Vendor,
    store: BarStore,
    patience: LivePatience = IMPATIENT,
    symbols: tuple[str, ...] = SYMBOLS,
) -> AsyncIterator[Listener]:
    live = LiveBars(served.config(), KEY, symbols, store, clock=served.clock, patience=patience)
    listener = Listener(live)
    task = asyncio.create_task(listener.listen())
    try:
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def has_begun(served: Vendor, listener: Listener) -> None:
    """Wait for the subscription and let one bar come: from here on nothing may be missing."""
    await served.subscribed()
    await served.publish()
    await listener.reaches(served.clock())


def assert_whole(served: Vendor, listener: Listener, store: BarStore, first: datetime) -> None:
    """Each bar from `first` to now was heard once, as it was, and is stored.

    Bars came in order, but for repaired ones.
    """
    before = first - timedelta(seconds=1)
    for symbol in SYMBOLS:
        truth = {
            bar.start + timedelta(seconds=1): bar.close
            for bar in served.market.bars(symbol, before, served.clock())
        }
        heard = [h for h in listener.heard if h.bar.symbol == symbol and h.bar.close_time >= first]
        assert sorted(h.bar.close_time for h in heard) == sorted(truth)
        assert {h.bar.close_time: h.bar.close for h in heard} == truth
        streamed = [h.bar.close_time for h in heard if not h.repaired]
        assert streamed == sorted(streamed)
        stored = store.read(symbol, before)
        assert dict(zip(stored.index.to_pydatetime(), stored["close"], strict=True)) == truth


def assert_in_order(listener: Listener) -> None:
    """Bars came in order, repaired ones too."""
    for symbol in SYMBOLS:
        assert listener.closes(symbol) == sorted(listener.closes(symbol))
