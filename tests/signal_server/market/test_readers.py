"""Whoever reads while another writes sees whole files, and every bar that was there before."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore

START = datetime(2025, 1, 1, tzinfo=UTC)
SYMBOL = "BTC-USD"


def bar(second: int) -> Bar:
    """Return the bar that closes so many seconds after the start."""
    return Bar(SYMBOL, START + timedelta(seconds=second), 1.0, 1.0, 1.0, 1.0, 1.0)


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[threading.Event]:
    """Do some work again and again in a thread, until the block is left."""
    worked, leave = threading.Event(), threading.Event()

    def again() -> None:
        while not leave.is_set():
            work()
            worked.set()

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield worked
    finally:
        leave.set()
        thread.join()


def test_a_month_is_read_whole_while_it_is_replaced(tmp_path: Path) -> None:
    reader, writer = BarStore(tmp_path, 1), BarStore(tmp_path, 1)
    seconds = iter(range(1, 1_000_000))
    seen = 0
    with beside(lambda: void(writer.write(SYMBOL, frame_of([bar(next(seconds))])))) as written:
        written.wait()
        for _ in range(200):
            found = len(reader.read(SYMBOL))
            assert found >= max(seen, 1)
            seen = found


def test_a_live_bar_is_never_missed_while_it_moves(tmp_path: Path) -> None:
    reader, writer = BarStore(tmp_path, 1), BarStore(tmp_path, 1)
    writer.append(bar(0))
    with beside(lambda: writer.compact(SYMBOL)):
        for second in range(1, 80):
            writer.append(bar(second))
            assert len(reader.read(SYMBOL)) == second + 1
            assert reader.last_close(SYMBOL) == START + timedelta(seconds=second)


def void(_: object) -> None:
    """Drop a result."""
