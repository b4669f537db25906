"""Where unexpected errors end: logged in full, told to a person, and the work goes on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

RESTART_S = 2.0


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], restart_s: float = RESTART_S
) -> None:
    """Run `run` again and again until cancelled."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("%s failed unexpectedly; it starts again in %g s.", name, restart_s)
        await asyncio.sleep(restart_s)


async def until_done(
    name: str, run: Callable[[], Awaitable[None]], restart_s: float = RESTART_S
) -> None:
    """Run `run` until it ends without an error."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("%s failed unexpectedly; it starts again in %g s.", name, restart_s)
        else:
            return
        await asyncio.sleep(restart_s)


@contextmanager
def alarmed(name: str, alarm: Callable[[str], None]) -> Iterator[None]:
    """Log an unexpected error of the block and sound the alarm, instead of raising it."""
    try:
        yield
    except Exception as error:
        logger.exception("%s failed unexpectedly.", name)
        alarm(f"{type(error).__name__}: {error}")
