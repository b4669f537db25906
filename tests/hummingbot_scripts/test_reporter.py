import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.line import Backoff
from hummingbot_scripts.ml_signals.pb.signals_pb2 import TradeEvent
from hummingbot_scripts.ml_signals.reporter import TradeReporter

QUICK = Backoff(0.005, 0.02)


def _post(journal: Journal, *orders: str) -> None:
    for order in orders:
        journal.post(order, TradeEvent(order_id=order, bot_id="test").SerializeToString())


@pytest.fixture
def reporter(journal: Journal, channel: grpc.aio.Channel, now: datetime) -> TradeReporter:
    return TradeReporter(channel, journal, lambda: now, QUICK)


async def test_events_arrive_in_order_and_leave_the_outbox_when_acknowledged(
    server: Any, journal: Journal, reporter: TradeReporter
) -> None:
    orders = [f"o{number}" for number in range(250)]
    _post(journal, *orders)
    assert await reporter.flush(10) == 0
    assert [event.order_id for event in server.received] == orders
    sequences = [event.sequence for event in server.received]
    assert sequences == sorted(sequences)


async def test_a_lost_answer_sends_the_same_event_again_under_the_same_id(
    server: Any, journal: Journal, reporter: TradeReporter
) -> None:
    server.lose_answers = 2
    _post(journal, "a", "b")
    assert await reporter.flush(10) == 0
    assert len(server.received) == 6
    assert [event.order_id for event in server.distinct] == ["a", "b"]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(script=st.lists(st.sampled_from(["post", "down", "lose"]), max_size=12))
def test_whatever_fails_each_event_counts_once_and_in_order(
    script: list[str], tmp_path_factory: pytest.TempPathFactory, make_server: Any, now: datetime
) -> None:
    asyncio.run(_play(script, tmp_path_factory.mktemp("outbox"), make_server, now))


async def _play(script: list[str], folder: Path, make_server: Any, now: datetime) -> None:
    server = make_server()
    running = await server.start()
    journal = Journal(folder / "bot.sqlite")
    posted: list[str] = []
    async with grpc.aio.insecure_channel(server.address) as channel:
        reporter = TradeReporter(channel, journal, lambda: now, QUICK)
        for number, step in enumerate(script):
            if step == "post":
                posted.append(f"o{number}")
                _post(journal, posted[-1])
            elif step == "down":
                server.unavailable += 1
            else:
                server.lose_answers += 1
            await reporter.send_waiting()
        assert await reporter.flush(10) == 0
    await running.stop(None)
    assert [event.order_id for event in server.distinct] == posted


async def test_an_event_the_server_calls_invalid_is_set_aside_and_the_rest_goes_on(
    server: Any, journal: Journal, reporter: TradeReporter
) -> None:
    server.refuse = lambda event: event.order_id == "bad"
    _post(journal, "a", "bad", "b")
    assert await reporter.flush(10) == 0
    assert [event.order_id for event in server.received] == ["a", "b"]
    assert journal.count_refused() == 1


async def test_a_flush_ends_in_time_and_says_what_is_left(
    server: Any, journal: Journal, reporter: TradeReporter
) -> None:
    server.unavailable = 10**6
    _post(journal, "a")
    assert await reporter.flush(0.1) == 1
    assert "UNAVAILABLE" in reporter.problem


async def test_what_was_not_sent_goes_out_after_a_restart(
    server: Any, channel: grpc.aio.Channel, tmp_path: Path, now: datetime
) -> None:
    first = Journal(tmp_path / "b.sqlite")
    _post(first, "a")
    first.close()
    again = TradeReporter(channel, Journal(tmp_path / "b.sqlite"), lambda: now, QUICK)
    assert await again.flush(10) == 0
    assert [event.order_id for event in server.received] == ["a"]


async def test_a_new_event_wakes_the_sender(
    server: Any, journal: Journal, reporter: TradeReporter, wait_until: Any
) -> None:
    task = asyncio.create_task(reporter.run())
    for order in ("a", "b"):
        _post(journal, order)
        reporter.wake()
        await wait_until(lambda: journal.count_waiting() == 0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert [event.order_id for event in server.received] == ["a", "b"]


def test_a_failed_transaction_leaves_nothing(journal: Journal) -> None:
    def fail_halfway() -> None:
        with journal.transaction():
            _post(journal, "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert journal.count_waiting() == 0
