"""A consumer of live bars, and what it must have heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from signal_server.market.live import LiveBar, LiveBars
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import KEY, SYMBOLS, Vendor, eventually


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

    def closes(self, symbol: str) -> list[datetime]:
        return [h.bar.close_time for h in self.heard if h.bar.symbol == symbol]


@asynccontextmanager
async def listening(served: Vendor, store: BarStore) -> AsyncIterator[Listener]:
    listener = Listener(LiveBars(served.config(), KEY, SYMBOLS, store, clock=served.clock))
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
    """Each bar from `first` to now was heard once, in order, as it was, and is stored."""
    seconds = int((served.clock() - first).total_seconds())
    wanted = [first + timedelta(seconds=n) for n in range(seconds + 1)]
    before = first - timedelta(seconds=1)
    for symbol in SYMBOLS:
        assert listener.closes(symbol) == wanted
        truth = [bar.close for bar in served.market.bars(symbol, before, served.clock())]
        assert [h.bar.close for h in listener.heard if h.bar.symbol == symbol] == truth
        assert store.read(symbol, before)["close"].tolist() == truth
