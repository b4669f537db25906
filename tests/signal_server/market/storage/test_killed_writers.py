"""Wherever a writer is killed, all it said was stored is there, once, and the next one goes on."""

import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

import signal_server
from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore

SYMBOL = "BTC-USD"
START = datetime(2025, 1, 31, 23, 0, tzinfo=UTC)
RUNS = 3
WRITER = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore

store, start, number = BarStore(Path(sys.argv[1]), 60), datetime.fromisoformat(sys.argv[2]), 0
symbol = "BTC-USD"

def bar(minute, close):
    return Bar(symbol, start + timedelta(minutes=minute), close, close, close, close, 1.0)

number = int(sys.argv[3])
while True:
    store.append(bar(number, 1.0 + number))
    store.append(bar(number, 2.0 + number))
    print(number, flush=True)
    if number % 5 == 4:
        store.compact(symbol)
    if number % 7 == 6:
        store.write(symbol, frame_of([bar(m, 1.0 + m) for m in range(number - 6, number + 1)]))
        store.quarantine(symbol, frame_of([bar(number, -1.0)]).assign(reason="bad", source="rest"))
    number += 1
"""


def run_and_kill(root: Path, first: int, bars: int) -> int:
    """Let a writer work for some bars from bar `first` on, kill it, return its last bar."""
    process = subprocess.Popen(  # noqa: S603 - a script of this file
        [sys.executable, "-c", WRITER, str(root), START.isoformat(), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(signal_server.__file__).parents[1],
    )
    assert process.stdout is not None
    last = [int(process.stdout.readline()) for _ in range(bars)][-1]
    process.kill()
    told = process.stdout.read().split("\n")
    assert process.wait() == -signal.SIGKILL
    return max([last, *(int(line) for line in told[:-1])])


def test_no_bar_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    draw, last = random.Random(1), -1
    for _ in range(RUNS):
        last = run_and_kill(tmp_path, last + 1, draw.randint(1, 20))
        with BarStore(tmp_path, 60) as store:
            assert store.verify(SYMBOL) == []
            found = store.read(SYMBOL)
            # What was appended but not told of yet may be there as well.
            assert 0 <= len(found) - (last + 1) <= 1
            last = len(found) - 1
            assert found["close"].tolist() == [1.0 + number for number in range(len(found))]
    assert_settled(tmp_path, last)


def assert_settled(root: Path, last: int) -> None:
    """Assert that another writer leaves nothing of the killed ones but their bars."""
    with BarStore(root, 60) as store:
        after = START + timedelta(minutes=last + 1)
        store.append(Bar(SYMBOL, after, 1.0, 1.0, 1.0, 1.0, 1.0))
        store.compact(SYMBOL)
        store.write(SYMBOL, frame_of([Bar(SYMBOL, START, 1.0, 1.0, 1.0, 1.0, 1.0)]))
        assert not list(store.folder.rglob("*.partial"))
        revised = store.revisions(SYMBOL)
        first_tellings = revised.loc[~revised.index.duplicated(), "close"]
        values = store.read(SYMBOL)["close"].reindex(first_tellings.index)
        pd.testing.assert_series_equal(first_tellings, values + 1.0)
        assert store.quarantined(SYMBOL).index.is_unique
