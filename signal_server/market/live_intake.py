"""What comes from the stream and from REST, brought into order; no I/O and no clock of its own."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from signal_server.core.domain import Bar
from signal_server.core.symbols import to_polygon_stream
from signal_server.market.frames import bars_of
from signal_server.market.live_bar import LiveBar
from signal_server.market.live_link import StreamLostError
from signal_server.market.live_order import KEPT_BARS, Answer, Passed, SymbolOrder
from signal_server.market.live_patience import LivePatience
from signal_server.market.live_plan import RepairPlan
from signal_server.market.live_trust import StreamTrust
from signal_server.market.quality import BarChecker, BarFault
from signal_server.market.spans import Span, Spans, number_of
from signal_server.market.stream_events import (
    Status,
    Unreadable,
    UnreadableFrameError,
    event_of,
    events_of,
)

logger = logging.getLogger(__name__)

EARLY_S = 1.0
"""So much before its close a bar may come, by this computer's clock; or a quarter of its length."""
STRANGE_FRAMES = 5
"""So many frames in a row that cannot be read end a connection."""
SILENT_BARS = 60
"""So long a symbol may be silent on a connection that sends others; then REST is asked, too."""
_ENDLESS = 1 << 62


class LiveIntake:
    """The order, the checks and the trust of all symbols.

    After each call `passed` and `quarantined` hold what is to be done; `take_passed` empties them.
    Times are tz-aware UTC; `now_s` are seconds of a monotonic clock.
    """

    def __init__(
        self,
        stored: Mapping[str, pd.DataFrame],
        bar_seconds: int,
        patience: LivePatience,
        calls_per_minute: int = 0,
    ) -> None:
        """Begin after the newest stored bars of each symbol, an empty frame if it has none."""
        self.orders = {
            symbol: _order(symbol, frame, bar_seconds, patience) for symbol, frame in stored.items()
        }
        self.trust = StreamTrust({s: o.last for s, o in self.orders.items()}, bar_seconds)
        self.plan = RepairPlan(self.orders, bar_seconds, patience, calls_per_minute)
        self.passed = Passed()
        self.quarantined: list[tuple[Bar, BarFault]] = []
        self.checker = BarChecker(bar_seconds)
        for symbol, frame in stored.items():
            self.checker.prime(symbol, frame)
        self._bar_seconds = bar_seconds
        self._early = timedelta(seconds=min(EARLY_S, bar_seconds / 4))
        self._pairs = {to_polygon_stream(symbol): symbol for symbol in stored}
        self._poll_every_s = max(patience.poll_s, float(bar_seconds))
        self._poll_at_s: float | None = None
        self._urgent_at_s = float("-inf")
        self._strange = 0
        self._in_frame: dict[str, int] = {}
        self._fetched = {symbol: Spans() for symbol in stored}
        self._asked_until: dict[str, int] = {}

    def frame(self, text: str | bytes, at: datetime, now_s: float) -> None:
        """Take a frame of the stream that came `at`; raise `StreamLostError` to replace it."""
        try:
            events = events_of(text)
        except UnreadableFrameError as error:
            self._unreadable_frame(str(error), at)
            return
        self._in_frame.clear()
        for event in events:
            meaning = event_of(event, self._bar_seconds)
            if isinstance(meaning, Bar):
                self._bar(meaning, at, now_s)
            elif isinstance(meaning, Status):
                self._status(meaning, at)
            elif isinstance(meaning, Unreadable):
                self._unreadable(meaning, at, now_s)

    def ended(self) -> None:
        """Take note that the connection has ended."""
        self._strange = 0
        self._poll_at_s = None
        self.trust.end()

    def answer(self, symbol: str, answer: Answer, now_s: float) -> None:
        """Take what REST has of a span."""
        order = self.orders[symbol]
        order.settle(answer, now_s, self.passed)
        self.plan.answered(symbol, now_s)
        # What lies before the first bar was not taken from the answer.
        start = max(answer.span[0], order.first - 1)
        self._fetched[symbol].add((start, min(answer.span[1], answer.sure_until)))

    def tick(self, at: datetime, now_s: float, *, can_ask: bool) -> None:
        """Let go what has waited long enough; ask for what no connection has subscribed to.

        What nobody asks for, because REST takes no question now, is not waited for.
        """
        for order in self.orders.values():
            order.expire(now_s if can_ask or order.asking else float("inf"), self.passed)
        if self._poll_at_s is None:
            self._poll_at_s = now_s + self._poll_every_s
        elif now_s >= self._poll_at_s:
            self._poll_at_s = now_s + self._poll_every_s
            self._miss_until(number_of(at, self._bar_seconds))
            self._doubt_silent()

    def vouched(self, symbol: str) -> tuple[list[Span], list[Span]]:
        """Return what stream and REST have given wholly since the last call.

        The stream vouches for a symbol up to its newest bar: whether a bar is missing behind that
        shows only with the next one.
        """
        order = self.orders[symbol]
        unknown = order.unwritten
        fetched = self._fetched[symbol].minus(unknown)
        self._fetched[symbol] = self._fetched[symbol].minus(fetched)
        unknown.add((order.newest, _ENDLESS))
        return self.trust.vouched(symbol, unknown), list(fetched)

    def take_passed(self) -> tuple[Passed, list[tuple[Bar, BarFault]]]:
        """Return what is to be done since the last call."""
        done = self.passed, self.quarantined
        self.passed, self.quarantined = Passed(), []
        return done

    def _bar(self, bar: Bar, at: datetime, now_s: float) -> None:
        symbol = self._pairs.get(bar.symbol)
        if symbol is None:
            return
        self._strange = 0
        number = number_of(bar.close_time, self._bar_seconds)
        early = self._is_early(symbol, bar, number, at)
        verdict = BarFault.FUTURE if early else self.checker.check(bar, at)
        if isinstance(verdict, BarFault):
            self.quarantined.append((bar, verdict))
            logger.warning("%s: a bar is quarantined as %s: %.200r", symbol, verdict, bar)
            if early and bar.close_time > at:
                # The true one comes when it is over, by the stream or else by REST.
                self.orders[symbol].doubt(self._just_now(at))
            else:
                self._suspect(symbol, number, at)
            return
        self._begin(symbol, number - 1)
        silent = self.trust.advance(number)
        if silent is not None:
            self._doubt(silent, now_s)
        order = self.orders[symbol]
        order.follow(number)
        order.take(number, LiveBar(bar, at, False, verdict), now_s, self.passed)

    def _is_early(self, symbol: str, bar: Bar, number: int, at: datetime) -> bool:
        """Tell whether a bar may have been sent before it was over.

        So was perhaps one that comes in one frame with the bar before it: nobody knows how long
        a busy computer, or the vendor's, has let that frame lie.
        """
        follows = self._in_frame.get(symbol) == number - 1
        self._in_frame[symbol] = number
        return follows or bar.close_time > at + self._early

    def _begin(self, symbol: str, now: int) -> None:
        self.orders[symbol].begin(now + 1)
        if not self.trust.is_trusted(symbol):
            self._asked_until[symbol] = now
        missed = self.trust.begin(symbol, now)
        if missed is not None:
            self.orders[symbol].miss(missed)

    def _status(self, status: Status, at: datetime) -> None:
        if status.name == "success":
            self._subscribed(status.message, number_of(at, self._bar_seconds))
        elif status.name in {"max_connections", "auth_timeout", "error"}:
            raise StreamLostError(f"Polygon.io says {status.name}: {status.message}")

    def _subscribed(self, message: str, now: int) -> None:
        """Trust the symbol that the message names, or all if it names none."""
        pair = message.rpartition(".")[2].strip()
        named = [self._pairs[pair]] if pair in self._pairs else list(self.orders)
        for symbol in named:
            self._begin(symbol, now)

    def _unreadable(self, meaning: Unreadable, at: datetime, now_s: float) -> None:
        if meaning.pair is not None and meaning.pair not in self._pairs:
            return
        logger.warning("an event cannot be read: %.200r", meaning.event)
        if meaning.pair is None:
            self._doubt(self._just_now(at), now_s)
        else:
            symbol = self._pairs[meaning.pair]
            self._suspect(symbol, self._number_in(meaning.event, at), at)

    def _number_in(self, event: object, at: datetime) -> int:
        """Return the bar that an event is about as far as it says so, else the newest."""
        now = number_of(at, self._bar_seconds)
        start_ms = event.get("s") if isinstance(event, dict) else None
        if isinstance(start_ms, int | float) and 0 < start_ms < now * self._bar_seconds * 1000:
            return min(now, int(start_ms) // (self._bar_seconds * 1000) + 1)
        return now

    def _unreadable_frame(self, reason: str, at: datetime) -> None:
        logger.warning("%s; what it may have held is asked for", reason)
        self._strange += 1
        now = number_of(at, self._bar_seconds)
        for order in self.orders.values():
            order.miss((now - 1 - self.trust.disorder_bars, now))
        if self._strange >= STRANGE_FRAMES:
            raise StreamLostError(f"{STRANGE_FRAMES} frames in a row cannot be read")

    def _suspect(self, symbol: str, number: int, at: datetime) -> None:
        """Have a symbol's newest bars fetched, and the bar of that number."""
        order, now = self.orders[symbol], number_of(at, self._bar_seconds)
        order.miss(self._just_now(at))
        if now - KEPT_BARS < number <= now:
            order.miss((number - 1, number))

    def _doubt(self, span: Span, now_s: float) -> None:
        """Have bars of all symbols fetched: now, or together with others if that was just done."""
        urgent = now_s >= self._urgent_at_s
        if urgent:
            self._urgent_at_s = now_s + self.plan.doubt_every_s
        for symbol in self.trust.trusted:
            order = self.orders[symbol]
            (order.miss if urgent else order.doubt)(span)

    def _doubt_silent(self) -> None:
        """Have REST say, too, that a symbol had no trades for long."""
        if self.trust.proof is None:
            return
        settled = self.trust.proof - self.trust.disorder_bars
        for symbol in self.trust.trusted:
            known = max(self.orders[symbol].newest, self._asked_until[symbol])
            if settled - known >= SILENT_BARS:
                self._asked_until[symbol] = settled
                self.orders[symbol].doubt((known, settled))

    def _just_now(self, at: datetime) -> Span:
        """Return the bars that were sent last: later ones have come of no symbol yet."""
        now = number_of(at, self._bar_seconds)
        newest = now if self.trust.proof is None else min(now, self.trust.proof)
        return newest - 1 - self.trust.disorder_bars, newest

    def _miss_until(self, now: int) -> None:
        """Have fetched what came while a symbol, or none at all, is subscribed to."""
        is_up = bool(self.trust.trusted)
        for symbol, order in self.orders.items():
            missed = self.trust.missed_until(symbol, now)
            if missed is not None:
                (order.doubt if is_up else order.miss)(missed)


def _order(
    symbol: str, frame: pd.DataFrame, bar_seconds: int, patience: LivePatience
) -> SymbolOrder:
    newest = bars_of(symbol, frame.iloc[-KEPT_BARS:])
    seen = {number_of(bar.close_time, bar_seconds): bar for bar in newest}
    return SymbolOrder(max(seen, default=None), seen, patience.hold_s)
