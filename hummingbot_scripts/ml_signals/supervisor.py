"""Keeps a background task alive: an unexpected error is logged in full, then it starts again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

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
