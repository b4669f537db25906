"""The vendor's own clients, and what they heard of the Polygon stand-in."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import massive
import polygon
from websockets.exceptions import ConnectionClosedError

from tests.market_sim.vendor import KEY, Vendor

PATIENCE_S = 30
CLIENTS = {"polygon": polygon, "massive": massive}
Event = dict[str, Any]


class Listener:
    """The vendor's client and everything it was told after its authentication."""

    def __init__(
        self, vendor: Vendor, topics: tuple[str, ...], key: str = KEY, client: str = "polygon"
    ) -> None:
        self.client = CLIENTS[client].WebSocketClient(
            key,
            feed=vendor.address,
            market="crypto",
            secure=False,
            raw=True,
            max_reconnects=0,
            subscriptions=list(topics),
        )
        self.heard = 0
        self._heard: asyncio.Queue[Event] = asyncio.Queue()

    async def listen(self, **options: Any) -> None:
        """Hold one connection; end as the vendor's client ends."""
        await self.client.connect(self._keep, **{"max_size": None, "proxy": None} | options)

    async def next(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            return await self._heard.get()

    async def some(self, count: int) -> list[Event]:
        return [await self.next() for _ in range(count)]

    async def _keep(self, frame: str | bytes) -> None:
        for event in json.loads(frame):
            self.heard += event.get("ev") != "status"
            self._heard.put_nowait(event)


@asynccontextmanager
async def listening(
    vendor: Vendor, *topics: str, client: str = "polygon"
) -> AsyncIterator[Listener]:
    """Yield a client whose subscriptions are confirmed."""
    listener = Listener(vendor, topics, client=client)
    task = asyncio.create_task(listener.listen())
    try:
        told = await listener.some(len(topics))
        assert {event["message"] for event in told} == {f"subscribed to: {x}" for x in topics}
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ConnectionClosedError):
            await task
