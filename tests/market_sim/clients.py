"""A client of Kraken's streams that keeps a book as Kraken's documentation says."""

import json
from decimal import Decimal
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse

from market_sim.kraken_wire import checksum_of

Row = list[str]


class ClientBook:
    """A book kept from a channel's messages, cut to the channel's depth."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.asks: dict[str, str] = {}
        self.bids: dict[str, str] = {}

    def apply(self, contents: list[dict[str, Any]]) -> str | None:
        """Apply what stands between channel and name; return the checksum that came with it."""
        told = None
        for part in contents:
            self._set(self.asks, part.get("as", []) + part.get("a", []))
            self._set(self.bids, part.get("bs", []) + part.get("b", []))
            told = part.get("c", told)
        self.asks = self._cut(self.asks, worst_first=False)
        self.bids = self._cut(self.bids, worst_first=True)
        return told

    def checksum(self) -> str:
        return checksum_of([*list(self.asks.items())[:10], *list(self.bids.items())[:10]])

    @property
    def crossed(self) -> bool:
        best = (next(iter(side), None) for side in (self.bids, self.asks))
        bid, ask = (None if price is None else Decimal(price) for price in best)
        return bid is not None and ask is not None and bid >= ask

    @staticmethod
    def _set(side: dict[str, str], rows: list[Row]) -> None:
        for price, size, *_ in rows:
            if Decimal(size):
                side[price] = size
            else:
                side.pop(price, None)

    def _cut(self, side: dict[str, str], *, worst_first: bool) -> dict[str, str]:
        levels = sorted(side.items(), key=lambda row: Decimal(row[0]), reverse=worst_first)
        return dict(levels[: self.depth])


class StreamClient:
    """A connection; `read` returns the next message that is not a heartbeat."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = ClientSession()
        self._socket: ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        self._socket = await self._session.ws_connect(self._url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._session.close()

    async def send(self, message: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(message))

    async def read(self, *, heartbeats: bool = False) -> Any:
        while True:
            message = json.loads((await self._socket.receive(timeout=20)).data)
            if heartbeats or message != {"event": "heartbeat"}:
                return message

    async def subscribe(self, name: str, pairs: list[str], **options: Any) -> list[Any]:
        """Subscribe; return the answers, one a pair, or one if there is none."""
        given = {"pair": pairs} if pairs else {}
        subscription = {"name": name, **options}
        await self.send({"event": "subscribe", "subscription": subscription, **given})
        return [await self.read() for _ in pairs or [""]]
