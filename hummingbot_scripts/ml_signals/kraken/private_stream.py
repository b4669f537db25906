"""The private stream: a token of its own for each connection, and no silence unnoticed."""

import asyncio
from collections.abc import Callable
from typing import Any

from hummingbot.connector.exchange.kraken import kraken_constants as constants
from hummingbot.connector.exchange.kraken.kraken_api_user_stream_data_source import (
    KrakenAPIUserStreamDataSource,
)

_CHANNELS = (constants.USER_TRADES_ENDPOINT_NAME, constants.USER_ORDERS_ENDPOINT_NAME)


class CarefulUserStream(KrakenAPIUserStreamDataSource):  # type: ignore[misc]
    """Kraken sends a heartbeat a second, so `SILENCE_S` without a word is a dead line.

    `on_gap` is called when messages were lost or may have been: at each new connection, and when
    the channel's sequence number skips.
    """

    SILENCE_S = 10.0

    def __init__(self, connector: Any, api_factory: Any, on_gap: Callable[[], None]) -> None:
        """Prepare the stream of `connector`."""
        super().__init__(connector=connector, api_factory=api_factory)
        self._on_gap = on_gap
        self._sequences: dict[str, int] = {}

    async def _subscribe_channels(self, websocket_assistant: Any) -> None:
        self._current_auth_token = None  # a token lives for minutes, the bot for months
        self._sequences.clear()
        await super()._subscribe_channels(websocket_assistant)
        self._on_gap()

    async def _process_websocket_messages(self, websocket_assistant: Any, queue: Any) -> None:
        messages = websocket_assistant.iter_messages()
        while True:
            try:
                async with asyncio.timeout(self.SILENCE_S):
                    response = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ConnectionError(f"nothing heard for {self.SILENCE_S:g} s") from None
            await self._process_event_message(response.data, queue)

    async def _process_event_message(self, event_message: Any, queue: Any) -> None:
        if isinstance(event_message, list) and len(event_message) >= 2:
            self._check_sequence(event_message)
            if event_message[1] in _CHANNELS:
                queue.put_nowait(event_message)
        elif isinstance(event_message, dict) and event_message.get("errorMessage"):
            raise ConnectionError(f"Kraken says {event_message['errorMessage']}")

    def _check_sequence(self, message: list[Any]) -> None:
        last = message[-1]
        number = last.get("sequence") if isinstance(last, dict) else None
        if not isinstance(number, int):
            return
        channel = str(message[1])
        expected = self._sequences.get(channel, number - 1) + 1
        self._sequences[channel] = max(number, expected - 1)
        if number != expected:
            self.logger().warning(f"{channel} skipped from {expected} to {number}; asking anew.")
            self._on_gap()
