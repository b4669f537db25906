"""What people ordered, in memory, and who watches it."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from signal_server.journal.control import ControlOrder
from signal_server.serving.hub import (
    MAX_STREAMS_PER_PEER,
    SubscriptionEndedError,
    TooManyStreamsError,
)


class ControlBoard:
    """The newest order for each bot and for all; the greatest revision holds.

    Watchers read it and never the trade log, and each is only woken: one that is slow, or gone,
    misses what was replaced meanwhile and keeps nobody waiting.
    """

    def __init__(
        self, orders: Iterable[ControlOrder] = (), max_watchers_per_peer: int = MAX_STREAMS_PER_PEER
    ) -> None:
        """Begin with the orders that the trade log holds."""
        self._orders: dict[str, ControlOrder] = {}
        self._watches: dict[Watch, str] = {}
        self._max_watchers_per_peer = max_watchers_per_peer
        self._closed = ""
        for order in orders:
            self.take(order)

    def holds(self, bot_id: str) -> ControlOrder | None:
        """Return what holds for a bot, None before any order; for "" the newest order of all."""
        names = ("", bot_id) if bot_id else tuple(self._orders)
        orders = (self._orders[name] for name in names if name in self._orders)
        return max(orders, key=lambda order: order.revision, default=None)

    def take(self, order: ControlOrder) -> None:
        """Post an order that is durable, and wake all who watch."""
        posted = self._orders.get(order.bot_id)
        if posted is None or posted.revision < order.revision:
            self._orders[order.bot_id] = order
        for watch in self._watches:
            watch.wake()

    @contextmanager
    def watch(self, bot_id: str, peer: str) -> Iterator["Watch"]:
        """Watch for the time of the context; raise `TooManyStreamsError`."""
        if Counter(self._watches.values())[peer] >= self._max_watchers_per_peer:
            raise TooManyStreamsError(
                f"{peer} watches {self._max_watchers_per_peer} times already; close some"
            )
        watch = Watch(bot_id)
        if self._closed:
            watch.end(self._closed)
        self._watches[watch] = peer
        try:
            yield watch
        finally:
            del self._watches[watch]

    @property
    def watching(self) -> set[str]:
        """The bots that watch now."""
        return {watch.bot_id for watch in self._watches if watch.bot_id}

    @property
    def named(self) -> set[str]:
        """The bots that were ever given an order by name."""
        return {bot_id for bot_id in self._orders if bot_id}

    def close(self, why: str) -> None:
        """End all watches, present and future."""
        self._closed = why
        for watch in self._watches:
            watch.end(why)


class Watch:
    """One watcher's bell."""

    def __init__(self, bot_id: str) -> None:
        self.bot_id = bot_id
        self._news = asyncio.Event()
        self._why = ""

    async def wait(self, timeout_s: float) -> None:
        """Wait for news since the last call, `timeout_s` at most.

        Raises `SubscriptionEndedError` once ended.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return
        if self._why:
            raise SubscriptionEndedError(self._why)
        self._news.clear()

    def wake(self) -> None:
        """Say that there is news."""
        self._news.set()

    def end(self, why: str) -> None:
        """Say that nothing more comes."""
        self._why = why
        self._news.set()
