import asyncio

import pytest

from signal_server.core.errors import ServerError, VendorAuthError
from signal_server.serving.engine import Activity
from signal_server.serving.freshness import FreshnessWatch
from signal_server.serving.supervisor import supervise
from tests.signal_server.serving.world import HandClock


async def forever() -> None:
    await asyncio.Event().wait()


async def fails(error: Exception) -> None:
    raise error


async def ends() -> None:
    return


async def test_all_tasks_end_when_told_to_stop() -> None:
    stop = asyncio.Event()
    stop.set()
    await supervise({"one": forever(), "two": forever()}, stop)
    assert len(asyncio.all_tasks()) == 1


async def test_an_expected_error_passes_through() -> None:
    with pytest.raises(VendorAuthError, match="refused"):
        await supervise({"a": forever(), "b": fails(VendorAuthError("refused"))}, asyncio.Event())


async def test_an_unforeseen_error_is_logged_and_told_in_a_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ServerError, match=r"the loop failed \(ZeroDivisionError: oh\)"):
        await supervise({"the loop": fails(ZeroDivisionError("oh"))}, asyncio.Event())
    assert caplog.records[0].exc_info is not None


async def test_a_task_that_ends_by_itself_is_an_error() -> None:
    with pytest.raises(ServerError, match="the loop ended by itself"):
        await supervise({"the loop": ends()}, asyncio.Event())


def test_signals_are_fresh_while_bars_keep_coming() -> None:
    clock, activity = HandClock(), Activity()

    async def report(fresh: bool) -> None: ...

    watch = FreshnessWatch(activity, 80, report, clock)
    assert not watch.is_fresh()
    activity.last_bar_at = clock.now
    clock.advance(80)
    assert watch.is_fresh()
    clock.advance(1)
    assert not watch.is_fresh()
