"""Clients of the Kraken stand-in that do what Kraken's documentation says, and no more."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientWebSocketResponse

from market_sim.kraken_server import TEST_KEY, TEST_SECRET
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
    def middle(self) -> float:
        return (float(next(iter(self.asks))) + float(next(iter(self.bids)))) / 2

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


class SignedClient:
    """Calls private methods, signed as Kraken's documentation says."""

    def __init__(self, url: str, key: str = TEST_KEY, secret: str = TEST_SECRET) -> None:
        self._url = url
        self._key = key
        self._secret = base64.b64decode(secret)
        self._session = ClientSession()
        self.nonce = 1_000

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, method: str, **parameters: str) -> Any:
        async with self._session.get(f"{self._url}/0/public/{method}", params=parameters) as answer:
            return await answer.json()

    async def call(self, method: str, nonce: int | None = None, **parameters: str) -> Any:
        """Return the whole answer, or the status if it is not JSON."""
        self.nonce += 1
        given = {"nonce": str(nonce or self.nonce), **parameters}
        body, path = urlencode(given), f"/0/private/{method}"
        digest = hashlib.sha256((given["nonce"] + body).encode()).digest()
        signature = hmac.new(self._secret, path.encode() + digest, hashlib.sha512).digest()
        headers = {
            "API-Key": self._key,
            "API-Sign": base64.b64encode(signature).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with self._session.post(self._url + path, data=body, headers=headers) as answer:
            return await answer.json() if answer.status == 200 else answer.status

    async def result(self, method: str, **parameters: str) -> Any:
        answer = await self.call(method, **parameters)
        assert answer["error"] == []
        return answer["result"]

    async def refusal(self, method: str, **parameters: str) -> str:
        answer = await self.call(method, **parameters)
        [error] = answer["error"]
        return str(error)
