"""Runs tasks until one fails or the process is told to stop; then ends all of them."""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

from signal_server.core.errors import ServerError, SignalServerError

logger = logging.getLogger(__name__)


async def supervise(tasks: Mapping[str, Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run all tasks, none of which should end, until `stop` is set.

    Raises the error of the first that fails, and `ServerError` for one that ends or fails in an
    unforeseen way, after logging it.
    """
    running: dict[asyncio.Future[Any], str] = {
        asyncio.ensure_future(task): name for name, task in tasks.items()
    }
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopping, *running):
            task.cancel()
        await asyncio.gather(stopping, *running, return_exceptions=True)
    for task in done - {stopping}:
        raise _failure(running[task], task.exception())


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _failure(name: str, error: BaseException | None) -> SignalServerError:
    if isinstance(error, SignalServerError):
        return error
    if error is None:
        return ServerError(f"{name} ended by itself; start the server again")
    logger.error("%s failed", name, exc_info=error)
    return ServerError(f"{name} failed ({type(error).__name__}: {error}); the log has the details")
