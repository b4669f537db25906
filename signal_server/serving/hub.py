"""Hands every signal to all subscribers; one that does not keep up is dropped, never waited for."""

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from signal_server.core.domain import Signal

QUEUE_SIGNALS = 1024
MAX_STREAMS_PER_PEER = 600

TOO_SLOW = "the subscriber does not keep up; subscribe again with after_id"


class TooManyStreamsError(Exception):
    """The peer holds as many streams as one peer may."""


class SubscriptionEndedError(Exception):
    """No more signals will come: the text says why."""


class Subscription:
    """One subscriber's bounded queue of signals."""

    def __init__(self, symbols: Collection[str], size: int) -> None:
        self.symbols = frozenset(symbols)
        self._signals: deque[Signal] = deque()
        self._size = size
        self._news = asyncio.Event()
        self._why = ""

    async def next(self, timeout_s: float) -> Signal | None:
        """Return the next signal, None if none came in time.

        Raises `SubscriptionEndedError` once dropped or closed, even if signals still wait.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return None
        if self._why:
            raise SubscriptionEndedError(self._why)
        signal = self._signals.popleft()
        if not self._signals:
            self._news.clear()
        return signal

    @property
    def is_live(self) -> bool:
        """Whether it still takes signals."""
        return not self._why

    def offer(self, signal: Signal) -> bool:
        """Queue the signal; return False, and end the subscription, if the queue is full."""
        if len(self._signals) >= self._size:
            self.end(TOO_SLOW)
            return False
        self._signals.append(signal)
        self._news.set()
        return True

    def end(self, why: str) -> None:
        """Let the subscriber know that nothing more comes."""
        self._why = why
        self._signals.clear()
        self._news.set()


class Hub:
    """The live subscriptions, and the newest signal of every symbol."""

    def __init__(
        self,
        latest: Collection[Signal] = (),
        queue_signals: int = QUEUE_SIGNALS,
        max_streams_per_peer: int = MAX_STREAMS_PER_PEER,
    ) -> None:
        """Start with the signals that an earlier process published and that may still be valid."""
        self._latest = {signal.symbol: signal for signal in latest}
        self._queue_signals = queue_signals
        self._max_streams_per_peer = max_streams_per_peer
        self._subscriptions: dict[Subscription, str] = {}
        self._closed = ""
        self.dropped = 0

    @property
    def subscribers(self) -> int:
        """Number of live subscriptions."""
        return sum(subscription.is_live for subscription in self._subscriptions)

    def latest(self, symbol: str) -> Signal | None:
        """Return the newest signal of `symbol`, expired or not; None before the first."""
        return self._latest.get(symbol)

    @contextmanager
    def subscribe(self, symbols: Collection[str], peer: str) -> Iterator[Subscription]:
        """Subscribe `peer` for the time of the context; raise `TooManyStreamsError`.

        One that was dropped counts until its context ends: a peer that never reads holds on.
        """
        if Counter(self._subscriptions.values())[peer] >= self._max_streams_per_peer:
            raise TooManyStreamsError(
                f"{peer} holds {self._max_streams_per_peer} streams already; close some"
            )
        subscription = Subscription(symbols, self._queue_signals)
        if self._closed:
            subscription.end(self._closed)
        self._subscriptions[subscription] = peer
        try:
            yield subscription
        finally:
            del self._subscriptions[subscription]

    def publish(self, signal: Signal) -> None:
        """Queue the signal for all who follow its symbol; drop those whose queue is full."""
        self._latest[signal.symbol] = signal
        for subscription in self._subscriptions:
            wanted = subscription.is_live and signal.symbol in subscription.symbols
            if wanted and not subscription.offer(signal):
                self.dropped += 1

    def close(self, why: str) -> None:
        """End all subscriptions, present and future."""
        self._closed = why
        for subscription in self._subscriptions:
            subscription.end(why)
