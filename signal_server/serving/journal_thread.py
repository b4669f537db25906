"""A journal that is used beside the event loop."""

import asyncio
from collections.abc import Callable

from signal_server.journal.journal import Journal


class JournalThread:
    """Calls functions of one journal in another thread, one after the other.

    A call that has begun goes on to its end even if its caller leaves: a connection that two
    threads use at once would mix their transactions.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._using = asyncio.Lock()
        self._calls: set[asyncio.Task[object]] = set()

    async def use[T](self, call: Callable[..., T], *values: object) -> T:
        """Return `call(journal, *values)`; its errors pass through."""
        task = asyncio.create_task(self._run(call, values))
        self._calls.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait until every call that has begun is done."""
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _run[T](self, call: Callable[..., T], values: tuple[object, ...]) -> T:
        async with self._using:
            return await asyncio.to_thread(call, self._journal, *values)

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            # The caller got it, unless it has left; then nobody else asks for it.
            task.exception()
