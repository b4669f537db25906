"""One process at a time appends, and those that change months take turns.

The second is told which process is the first, and a dead one is nobody.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

import signal_server
from signal_server.core.errors import MarketDataError
from signal_server.market.frames import frame_of
from signal_server.market.storage import lease
from signal_server.market.store import BarStore
from tests.signal_server.market.storage.bars import SYMBOL, bar, frame

APPENDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from signal_server.core.domain import Bar
from signal_server.market.store import BarStore

store = BarStore(Path(sys.argv[1]), 60)
for minute in range(3):
    store.append(Bar("BTC-USD", datetime(2025, 1, 1, 0, minute, tzinfo=UTC), 1, 1, 1, 1, 1))
print("appended", flush=True)
sys.stdin.readline()
store.close()
print("closed", flush=True)
sys.stdin.readline()
"""
WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore

store, first = BarStore(Path(sys.argv[1]), 60), int(sys.argv[2])
start = datetime(2025, 1, 1, tzinfo=UTC)
for minute in range(first, 40, 2):
    at = start + timedelta(minutes=minute)
    store.write("BTC-USD", frame_of([Bar("BTC-USD", at, 1, 1, 1, 1, 1)]))
"""


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process of its own, and kill it at the end."""
    started = subprocess.Popen(  # noqa: S603 - a script of this file
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(signal_server.__file__).parents[1],
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextmanager
def appender(root: Path) -> Iterator[subprocess.Popen[str]]:
    with process(APPENDER, str(root)) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "appended\n"
        yield running


def test_the_second_appender_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    with appender(tmp_path) as first, BarStore(tmp_path, 60) as store:
        for write in (lambda: store.append(bar(0)), lambda: store.compact(SYMBOL)):
            with pytest.raises(MarketDataError, match=rf"BTC-USD .*process {first.pid} on \S+ \("):
                write()
        assert len(store.read(SYMBOL)) == 3
        store.append(replace(bar(0), symbol="ETH-USD"))


def test_history_is_written_while_another_process_appends(tmp_path: Path) -> None:
    with appender(tmp_path), BarStore(tmp_path, 60) as store:
        assert store.write(SYMBOL, frame(range(5))) == 5
        assert len(store.read(SYMBOL)) == 3 + 5


def test_a_dead_writer_holds_nothing(tmp_path: Path) -> None:
    with appender(tmp_path) as first, BarStore(tmp_path, 60) as store:
        first.kill()
        first.wait()
        store.append(bar(0))
        store.compact(SYMBOL)
        assert len(store.read(SYMBOL)) == 4


def test_a_closed_store_lets_others_write(tmp_path: Path) -> None:
    with appender(tmp_path) as first, BarStore(tmp_path, 60) as store:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout.readline() == "closed\n"
        store.append(bar(0))
        assert len(store.read(SYMBOL)) == 4


def test_processes_that_write_frames_take_turns_and_lose_nothing(tmp_path: Path) -> None:
    with process(WRITER, str(tmp_path), "0") as one, process(WRITER, str(tmp_path), "1") as other:
        assert (one.wait(), other.wait()) == (0, 0)
    assert len(BarStore(tmp_path, 60).read(SYMBOL)) == 40


def test_threads_and_stores_of_one_process_take_turns(tmp_path: Path) -> None:
    stores = [BarStore(tmp_path, 60) for _ in range(3)]
    stores[0].append(bar(0))

    def write(number: int) -> None:
        for minute in range(1 + number, 30, 3):
            stores[number].write(SYMBOL, frame_of([bar(minute)]))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].read(SYMBOL)) == 30
    stores[0].close()


def test_a_process_without_a_name_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "PATIENCE_S", 0.0)
    with appender(tmp_path), BarStore(tmp_path, 60) as store:
        (store.folder / SYMBOL / ".appender.json").unlink()
        with pytest.raises(MarketDataError, match="another process"):
            store.append(bar(0))


def test_a_writer_says_who_it_is() -> None:
    writer = lease.writer_here(datetime(2025, 1, 1, tzinfo=UTC), lasting=True)
    assert writer.pid == os.getpid()
    assert str(writer).endswith("since 2025-01-01T00:00:00+00:00")


def test_who_cannot_sign_holds_nothing(tmp_path: Path) -> None:
    store, folder = BarStore(tmp_path, 60), tmp_path / "60s" / SYMBOL
    blocked = folder / ".writer.partial"
    blocked.mkdir(parents=True)
    with pytest.raises(MarketDataError, match="could not be written"):
        store.write(SYMBOL, frame(range(1)))
    with FileLock(folder / ".writer.lock", timeout=0):
        pass
    blocked.rmdir()
    assert store.write(SYMBOL, frame(range(1))) == 1
