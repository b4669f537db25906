"""One of Kraken's histories, read page by page; the latest comes first and moves the others."""

from collections.abc import Mapping
from typing import Any

from .account import Ask

PAGE = 50
MOST_PAGES = 200


class Pages:
    """The pages of one history so far; a reading that fails goes on where it stopped."""

    def __init__(self, method: str, key: str, given: Mapping[str, str]) -> None:
        """Read `method` with the parameters `given`; its entries are under `key`."""
        self._method, self._key, self._given = method, key, given
        self._found: dict[str, Any] = {}
        self._next = 0

    async def read(self, ask: Ask) -> dict[str, Any]:
        """Return everything by its id; what comes meanwhile may be among it.

        An entry that comes while the pages are read pushes the others on, so none is passed over.
        """
        if self._next:
            await self._catch_up(ask)
        while self._next < MOST_PAGES:
            page, count = await self._page(ask, self._next)
            self._found |= page
            self._next += 1
            if len(page) < PAGE or len(self._found) >= count:
                break
        return self._found

    async def _catch_up(self, ask: Ask) -> None:
        """Read what has come since the reading that failed."""
        fresh: dict[str, Any] = {}
        for number in range(MOST_PAGES):
            page, _ = await self._page(ask, number)
            fresh |= page
            if len(page) < PAGE or not self._found.keys().isdisjoint(page):
                break
        self._found |= fresh

    async def _page(self, ask: Ask, number: int) -> tuple[dict[str, Any], int]:
        answer = await ask(self._method, {**self._given, "ofs": str(number * PAGE)})
        return dict(answer[self._key]), int(answer.get("count", 0))
