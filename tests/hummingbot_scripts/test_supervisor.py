import asyncio
from contextlib import suppress
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.supervisor import supervise


async def test_a_task_that_fails_is_logged_and_starts_again(
    wait_until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    starts: list[int] = []

    async def run() -> None:
        starts.append(1)
        if len(starts) < 3:
            raise ValueError("unforeseen")
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("The thing", run, restart_s=0.001))
    await wait_until(lambda: len(starts) == 3)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert "The thing failed unexpectedly" in caplog.text
    assert "unforeseen" in caplog.text
