"""What is written beside the stream: bars first, and what was refused a file at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from signal_server.core.domain import Bar
from signal_server.core.errors import MarketDataError
from signal_server.market.live_writer import BEHIND_BARS, MOST_BARS, LiveWriter
from signal_server.market.store import BarStore

START = datetime(2026, 1, 5, tzinfo=UTC)


def bar(number: int) -> Bar:
    return Bar("BTC-USD", START + timedelta(seconds=number), 2.0, 2.0, 1.0, 1.5, 1.0)


def test_refused_bars_are_kept_with_their_reasons_and_few_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, writes = BarStore(tmp_path, 1), list[int]()
    write = store.quarantine

    def counting(symbol: str, frame: pd.DataFrame) -> None:
        writes.append(len(frame))
        write(symbol, frame)

    monkeypatch.setattr(store, "quarantine", counting)
    writer = LiveWriter(store, lambda: START)
    for number in range(1, 51):
        writer.quarantine(bar(number), "spike" if number % 2 else "future")
        writer.add([(bar(number), START)])
    writer.quarantine(bar(1), "future")
    writer.start(["BTC-USD"])
    writer.flush()
    held = store.quarantined("BTC-USD")
    assert held["reason"].value_counts().to_dict() == {"future": 26, "spike": 25}
    assert len(store.read("BTC-USD")) == 50
    assert writes == [51]
    writer.quarantine(bar(60), "spike")
    writer.close()
    assert len(store.quarantined("BTC-USD")) == 52


def test_what_could_not_be_written_at_the_end_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise MarketDataError("the disk is full; make room")

    store = BarStore(tmp_path, 1)
    monkeypatch.setattr(store, "append", full)
    writer = LiveWriter(store, lambda: START)
    writer.start(["BTC-USD"])
    writer.add([(bar(1), START)])
    writer.close()
    assert "could not be written: the disk is full" in caplog.text


def test_a_disk_that_does_not_keep_up_is_asked_for_less_and_then_named(tmp_path: Path) -> None:
    writer = LiveWriter(BarStore(tmp_path, 1), lambda: START)
    writer.add([(bar(1), START)] * BEHIND_BARS)
    assert not writer.is_behind
    writer.add([(bar(1), START)])
    assert writer.is_behind
    writer.check()
    writer.add([(bar(1), START)] * (MOST_BARS - BEHIND_BARS))
    with pytest.raises(MarketDataError, match="wait to be written"):
        writer.check()
