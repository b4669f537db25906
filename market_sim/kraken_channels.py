"""One WebSocket client of the Kraken stand-in: what it listens to and what it is sent."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from market_sim.kraken_book import BookState, changes
from market_sim.kraken_pairs import Pair
from market_sim.kraken_wire import book_rows, checksum

DEPTHS = (10, 25, 100, 500, 1000)
_IDS_PER_PAIR = 32
_OUTBOX = 20_000


@dataclass(slots=True, eq=False)
class Client:
    """A connection; `books` is the depth by symbol, `private` the sequence by channel.

    `for_account` is whether it came to the private address.
    """

    socket: web.WebSocketResponse
    number: int = 0
    for_account: bool = False
    books: dict[str, int] = field(default_factory=dict)
    trades: set[str] = field(default_factory=set)
    private: dict[str, int] = field(default_factory=dict)
    _outbox: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(_OUTBOX))

    @property
    def subscribed(self) -> bool:
        """Whether it listens to any channel."""
        return bool(self.books or self.trades or self.private)

    @property
    def confidential(self) -> bool:
        """Whether it is a connection for an account's own channels."""
        return self.for_account or bool(self.private)

    def remember(self, symbol: str, depth: int | None, *, leaving: bool) -> None:
        """Note that it listens to a book of `depth`, or to trades if None, or no longer does."""
        if depth is None:
            (self.trades.discard if leaving else self.trades.add)(symbol)
        elif leaving:
            self.books.pop(symbol, None)
        else:
            self.books[symbol] = depth

    def send(self, message: Any) -> None:
        """Queue a message; a client that reads too slowly is cut off."""
        try:
            self._outbox.put_nowait(json.dumps(message, separators=(",", ":")))
        except asyncio.QueueFull:
            self.cut()

    def send_private(self, channel: str, content: list[dict[str, Any]]) -> None:
        """Queue the next message of a private channel if it listens to that."""
        if channel in self.private:
            self.private[channel] += 1
            self.send([content, channel, {"sequence": self.private[channel]}])

    def cut(self) -> None:
        """End the connection without a goodbye."""
        transport = self.socket._req.transport if self.socket._req is not None else None
        if transport is not None:
            transport.abort()

    async def send_all(self) -> None:
        """Send what is queued, until cancelled or the client is gone."""
        while not self.socket.closed:
            text = await self._outbox.get()
            try:
                await self.socket.send_str(text)
            except ConnectionError:
                return


def channel_id(number: int, channel: str) -> int:
    """Return the id of a channel of the pair with that number: each of them has its own."""
    offsets = {"book-1000": 0, "trade": 1} | {f"book-{d}": 8 + d % 7 for d in DEPTHS[:-1]}
    return (number + 10) * _IDS_PER_PAIR + offsets[channel]


def book_messages(
    pair: Pair, states: tuple[BookState, BookState], depth: int, now_s: float, *, both: bool = False
) -> list[list[dict[str, Any]]]:
    """Return the contents of the updates that take a client of `depth` from a state to the next.

    One side a message, each with the checksum of the book after it, or `both` in one with one
    checksum. The side that makes room goes first, so that no client ever sees a bid above an ask.
    """
    old, new = states
    asks = changes(old.asks, new.asks, depth, now_s)
    bids = changes(old.bids, new.bids, depth, now_s)
    if both and asks and bids:
        told = {"b": book_rows(pair, bids), "c": checksum(pair, new)}
        return [[{"a": book_rows(pair, asks)}, told]]
    rising = bool(new.asks and old.asks) and new.asks[0].price > old.asks[0].price
    between = BookState(new.asks, old.bids) if rising else BookState(old.asks, new.bids)
    first, second = (("a", asks), ("b", bids)) if rising else (("b", bids), ("a", asks))
    steps = ((first, between), (second, new))
    return [
        [{side: book_rows(pair, rows), "c": checksum(pair, state)}]
        for (side, rows), state in steps
        if rows
    ]
