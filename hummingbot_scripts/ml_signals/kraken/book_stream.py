"""The public stream: every book proved by its checksum, and asked for anew when it is wrong."""

import asyncio
from collections.abc import Callable
from typing import Any

from hummingbot.connector.exchange.kraken.kraken_api_order_book_data_source import (
    KrakenAPIOrderBookDataSource,
)
from hummingbot.connector.exchange.kraken.kraken_utils import (
    convert_from_exchange_trading_pair,
    convert_to_exchange_trading_pair,
)
from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_message import OrderBookMessage, OrderBookMessageType
from hummingbot.core.data_type.order_book_tracker import OrderBookTracker
from hummingbot.core.web_assistant.connections.data_types import WSJSONRequest

from ..clock import Clock
from .ladder import DEPTH, BookChange, BrokenBookError, Ladder


class PromptBooks(OrderBookTracker):  # type: ignore[misc]
    """Hummingbot's tracker without its pause of a second after each coin.

    The pause spares calls for snapshots, of which there are none here; with many coins it would
    keep the bot from guarding its positions for minutes after a restart.
    """

    @staticmethod
    async def _sleep(delay: float) -> None:
        del delay
        await asyncio.sleep(0)


class CarefulBookStream(KrakenAPIOrderBookDataSource):  # type: ignore[misc]
    """Feeds Hummingbot's books from ladders that are known to be right.

    `on_book(symbol, ladder)` is called after each good message, `on_broken(symbol)` when a book
    is wrong and until its next snapshot.
    """

    SILENCE_S = 10.0

    def __init__(
        self,
        trading_pairs: list[str],
        connector: Any,
        api_factory: Any,
        *,
        clock: Clock,
        on_book: Callable[[str, Ladder], None],
        on_broken: Callable[[str], None],
    ) -> None:
        """Prepare the stream of `connector`."""
        super().__init__(trading_pairs, connector, api_factory)
        self._clock = clock
        self._on_book = on_book
        self._on_broken = on_broken
        self._ladders = {symbol: Ladder() for symbol in trading_pairs}
        self._numbers = 0
        self._renewing: set[asyncio.Task[None]] = set()

    async def get_new_order_book(self, trading_pair: str) -> OrderBook:
        """Return an empty book: the stream's snapshot fills it, with no call per coin."""
        del trading_pair
        book: OrderBook = self.order_book_create_function()
        return book

    def renew(self, symbol: str) -> None:
        """Ask for a new snapshot of this coin's book."""
        socket = self._ws_assistant
        if socket is not None:
            task = asyncio.ensure_future(self._resubscribe(socket, symbol))
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)

    async def _subscribe_channels(self, ws: Any) -> None:
        for symbol in self._trading_pairs:
            self._ladders[symbol] = Ladder()
            self._on_broken(symbol)
        names = [convert_to_exchange_trading_pair(symbol, "/") for symbol in self._trading_pairs]
        await ws.send(_request("subscribe", names, {"name": "trade"}))
        await ws.send(_request("subscribe", names, {"name": "book", "depth": DEPTH}))

    async def _resubscribe(self, socket: Any, symbol: str) -> None:
        names = [convert_to_exchange_trading_pair(symbol, "/")]
        try:
            for event in ("unsubscribe", "subscribe"):
                await socket.send(_request(event, names, {"name": "book", "depth": DEPTH}))
        except (OSError, RuntimeError) as error:
            self.logger().warning(f"The book of {symbol} cannot be asked for yet: {error}")

    async def _process_websocket_messages(self, websocket_assistant: Any) -> None:
        messages = websocket_assistant.iter_messages()
        while True:
            try:
                async with asyncio.timeout(self.SILENCE_S):
                    response = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ConnectionError(f"nothing heard for {self.SILENCE_S:g} s") from None
            self._take(response.data)

    def _take(self, message: Any) -> None:
        if isinstance(message, list) and len(message) >= 4:
            if message[-2] == "trade":
                self._message_queue[self._trade_messages_queue_key].put_nowait(message)
            else:
                self._take_book(message)
        elif isinstance(message, dict) and message.get("errorMessage"):
            self.logger().warning(f"Kraken's public stream says {message['errorMessage']}")

    def _take_book(self, message: list[Any]) -> None:
        symbol = convert_from_exchange_trading_pair(message[-1])
        ladder = self._ladders.get(symbol)
        if ladder is None:
            return
        before = ladder.has_snapshot
        try:
            change = ladder.apply(message)
        except BrokenBookError as error:
            self._on_broken(symbol)
            if before:
                self.logger().warning(f"The book of {symbol} is wrong ({error}); asking anew.")
                self.renew(symbol)
            return
        self._forward(symbol, change)
        self._on_book(symbol, ladder)

    def _forward(self, symbol: str, change: BookChange) -> None:
        """Hand the change on under a number that grows, which Kraken's own times do not."""
        self._numbers += 1
        kind = OrderBookMessageType.SNAPSHOT if change.whole else OrderBookMessageType.DIFF
        content = {
            "trading_pair": symbol,
            "update_id": self._numbers,
            "bids": change.bids,
            "asks": change.asks,
        }
        stamp = self._clock().timestamp()
        self._message_queue[self._diff_messages_queue_key].put_nowait(
            OrderBookMessage(kind, content, timestamp=stamp)
        )

    async def _parse_order_book_diff_message(self, raw_message: Any, message_queue: Any) -> None:
        message_queue.put_nowait(raw_message)


def _request(event: str, names: list[str], subscription: dict[str, Any]) -> WSJSONRequest:
    return WSJSONRequest({"event": event, "pair": names, "subscription": subscription})
