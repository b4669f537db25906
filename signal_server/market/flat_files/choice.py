"""Whether flat files or REST bring what is missing sooner."""

from collections.abc import Sequence
from dataclasses import dataclass

from signal_server.market.flat_files.day import BAR_SECONDS
from signal_server.market.flat_files.plan import DayTask

_CALL_S = 0.5
_FILE_S = 0.5
_BYTES_S = 8e6


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to begin, and why in words."""

    flat_files: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RestWork:
    """What REST has to do without flat files: `calls` at `calls_per_minute`, 0 for no limit.

    `calls_left` would be left after the flat files: those of the newest hours.
    """

    calls: int
    calls_left: int
    calls_per_minute: int

    @property
    def call_s(self) -> float:
        """Seconds for a call."""
        return max(_CALL_S, 60 / self.calls_per_minute) if self.calls_per_minute else _CALL_S


def refusal_of(bar_seconds: int, keys: bool) -> Choice | None:
    """Return the choice of REST where flat files cannot be used at all."""
    if bar_seconds != BAR_SECONDS:
        return Choice(False, f"flat files hold bars of {BAR_SECONDS} s alone")
    return None if keys else Choice(False, "no keys for flat files are set")


def choose(rest: RestWork, tasks: Sequence[DayTask]) -> Choice:
    """Compare how long both ways take, by rough figures; files read again count as needed."""
    files = [task.published for task in tasks]
    total = sum(file.size_bytes for file in files)
    rest_s = rest.calls * rest.call_s
    files_s = len(files) * _FILE_S + total / _BYTES_S + rest.calls_left * rest.call_s
    ways = (
        f"{len(files):,} files ({total / 1e6:,.0f} MB) take about {_length(files_s)}, "
        f"{rest.calls:,} REST calls {_length(rest_s)}"
    )
    if not files:
        return Choice(False, "no file has anything that is missing")
    if any(task.again for task in tasks):
        return Choice(True, f"files were published anew; {ways}")
    return Choice(files_s < rest_s, ways)


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
