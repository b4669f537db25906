"""What people order while the bot runs: by the server's control stream and by a local file."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc

from .clock import Clock
from .line import Backoff, Line
from .pb.signals_pb2 import (
    CONTROL_MODE_FLATTEN,
    CONTROL_MODE_PAUSE,
    CONTROL_MODE_RUN,
    CONTROL_MODE_STOP_ENTRIES,
    Control,
    WatchControlRequest,
    WatchControlResponse,
)
from .pb.signals_pb2_grpc import TradingServiceStub
from .rules import ControlMode

logger = logging.getLogger(__name__)

_MODES: Mapping[int, ControlMode] = {
    CONTROL_MODE_RUN: ControlMode.RUN,
    CONTROL_MODE_STOP_ENTRIES: ControlMode.STOP_ENTRIES,
    CONTROL_MODE_PAUSE: ControlMode.PAUSE,
    CONTROL_MODE_FLATTEN: ControlMode.FLATTEN,
}
_WORDS: Mapping[str, ControlMode] = {
    "": ControlMode.RUN,
    "run": ControlMode.RUN,
    "stop-entries": ControlMode.STOP_ENTRIES,
    "pause": ControlMode.PAUSE,
    "flatten": ControlMode.FLATTEN,
}
_LONGEST_WORD = 100


@dataclass(frozen=True, slots=True)
class ControlOrder:
    """What was ordered, by whom and why; `set_at` is tz-aware UTC."""

    mode: ControlMode
    who: str
    why: str
    set_at: datetime
    revision: int = 0


@dataclass(frozen=True, slots=True)
class LiveHealth:
    """How the serving model does on live bars, by the server's word."""

    model: str
    known_outcomes: int
    accuracy: float
    drift_halt: bool
    drift_reason: str


class ControlLine:
    """Follows the server's control stream; `run` works until cancelled.

    `order` is what was ordered last, None before anything was; `health` is None while no model
    predicts. An order without a known mode, or older than the one at hand, is not taken.
    """

    def __init__(self, channel: grpc.aio.Channel, bot_id: str, line: Line) -> None:
        """Prepare to follow."""
        self._stub = TradingServiceStub(channel)
        self._bot_id = bot_id
        self.line = line
        self.order: ControlOrder | None = None
        self.health: LiveHealth | None = None

    async def run(self) -> None:
        """Follow the server for ever."""
        await self.line.run(self)

    def open(self) -> Any:
        """Ask for what holds for this bot."""
        return self._stub.WatchControl(WatchControlRequest(bot_id=self._bot_id))

    def take(self, message: WatchControlResponse) -> None:
        """Take what holds now."""
        if message.HasField("control"):
            self._obey(message.control)
        self.health = _health(message) if message.HasField("health") else None

    def failed(self, code: grpc.StatusCode) -> None:
        """Forget how the model does: nobody knows it now. The order stays."""
        del code
        self.health = None

    def _obey(self, control: Control) -> None:
        mode = _MODES.get(control.mode)
        if mode is None or not control.revision:
            return
        if self.order is not None and control.revision == self.order.revision:
            return
        set_at = control.set_at.ToDatetime(tzinfo=UTC)
        self.order = ControlOrder(mode, control.who, control.why, set_at, control.revision)
        logger.warning("%s ordered by %s: %s", mode, control.who, control.why)


class LocalSwitch:
    """A file with one word: run, stop-entries, pause or flatten; absent or empty means run.

    The word `run`, written while the bot watches, is an order to resume.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Watch the file at `path`, which need not exist."""
        self._path = path
        self._clock = clock
        self._watching = False
        self._seen: tuple[int, int] | None = None
        self._order: ControlOrder | None = None

    def read(self) -> ControlOrder | None:
        """Return what the file orders, None for nothing; what cannot be read stops entries."""
        watching, self._watching = self._watching, True
        try:
            stat = self._path.stat()
        except OSError:
            self._seen, self._order = None, None
            return None
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp != self._seen:
            self._seen = stamp
            self._order = self._parse(may_resume=watching)
        return self._order

    def _parse(self, *, may_resume: bool) -> ControlOrder | None:
        name = self._path.name
        try:
            word = self._path.read_text(encoding="utf-8")[:_LONGEST_WORD].strip().lower()
        except (OSError, UnicodeDecodeError) as error:
            word = f"unreadable ({error})"
        mode = _WORDS.get(word)
        if mode is ControlMode.RUN and not (word and may_resume):
            return None
        why = f"the file {name} says so"
        if mode is None:
            mode, why = ControlMode.STOP_ENTRIES, f"{name} says {word!r}, not {_choices()}"
        logger.warning("%s: %s", mode, why)
        return ControlOrder(mode, "local file", why, self._clock())


def _choices() -> str:
    return ", ".join(word for word in _WORDS if word)


def _health(message: WatchControlResponse) -> LiveHealth:
    health = message.health
    return LiveHealth(
        model=f"{health.model_id} {health.model_version}",
        known_outcomes=health.known_outcomes,
        accuracy=health.accuracy,
        drift_halt=health.drift_halt,
        drift_reason=health.drift_reason,
    )


def control_line(channel: grpc.aio.Channel, bot_id: str, clock: Clock) -> ControlLine:
    """Return the line of one bot, with waits that suit it."""
    return ControlLine(channel, bot_id, Line("The control stream", 30.0, clock, Backoff()))
