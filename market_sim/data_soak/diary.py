"""What a consumer wrote down of its life: lines of JSON, one a batch, that no kill can spoil."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from market_sim.clock import Clock
from signal_server.core.domain import Bar
from signal_server.market.live import LiveBar

VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Delivered:
    """A bar as it was handed to the consumer; times in ms of the market's clock.

    `numbers` are those of `VALUES`. `waited_ms` is from receipt to here.
    """

    symbol: str
    close_ms: int
    numbers: tuple[float, ...]
    repaired: bool
    handed_ms: int
    waited_ms: float
    flags: tuple[str, ...]


class Diary:
    """Appends to a file, so that what was written is there after kill -9."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._clock = clock

    def note(self, what: str, value: object) -> None:
        """Write one line."""
        os.write(self._file, (json.dumps({what: value}) + "\n").encode())

    def bars(self, lives: Iterable[LiveBar]) -> None:
        """Write down the bars of a batch."""
        self.note("bars", [self._row(live) for live in lives])

    def _row(self, live: LiveBar) -> list[Any]:
        now = self._clock()
        waited_ms = (now - live.received_at).total_seconds() * 1000
        handed_ms = now.timestamp() * 1000
        flags = list(live.flags)
        bar = live.bar
        return [
            *(bar.symbol, close_ms_of(bar), values_of(bar)),
            *(live.repaired, handed_ms, waited_ms, flags),
        ]


@dataclass(slots=True)
class DiaryReader:
    """Reads what has been added to a diary since the last time."""

    path: Path
    _at: int = 0

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield the entries that are new; a line that is not ended yet waits."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield from json.loads(line).items()


def delivered(rows: Iterable[list[Any]]) -> Iterator[Delivered]:
    """Yield the bars of an entry."""
    for symbol, close_ms, values, repaired, handed_ms, waited_ms, flags in rows:
        yield Delivered(
            symbol, close_ms, tuple(values), repaired, handed_ms, waited_ms, tuple(flags)
        )


def close_ms_of(bar: Bar) -> int:
    """Return a bar's close in ms since 1970."""
    return round(bar.close_time.timestamp() * 1000)


def values_of(bar: Bar) -> list[float]:
    """Return prices and volume, in the order of `VALUES`."""
    return [float(getattr(bar, name)) for name in VALUES]
