"""What to ask REST next: first what delays live bars, then what is missing, then what is doubtful.

One question covers all that is open of a symbol, so that a plan with few calls goes far.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from signal_server.market.live_order import SymbolOrder
from signal_server.market.live_patience import LivePatience
from signal_server.market.spans import Span

CHUNK_BARS = 40_000
"""Below the 50,000 that the vendor answers at once."""
OVERLAP_BARS = 5
"""Asked for again before each span: REST has early values at first."""
LONGEST_LEAD = 600
"""An answer begins with a bar that came, if one is so near: then an empty one is no answer."""


@dataclass(slots=True)
class _State:
    """When a symbol may be asked about again, and when its doubts are due."""

    retry_at_s: float = 0.0
    failures: int = 0
    doubts_asked_s: float = float("-inf")
    doubts_due_s: float | None = None


class RepairPlan:
    """The questions that are open, by symbol; times are seconds of a monotonic clock."""

    def __init__(
        self,
        orders: Mapping[str, SymbolOrder],
        bar_seconds: int,
        patience: LivePatience,
        calls_per_minute: int = 0,
    ) -> None:
        self._orders = orders
        self._states = {symbol: _State() for symbol in orders}
        self._patience = patience
        # Doubts take half of a plan's calls at the most.
        paced_s = 2 * 60.0 * len(orders) / calls_per_minute if calls_per_minute else 0.0
        self.doubt_every_s = max(patience.doubt_s, patience.doubt_bars * bar_seconds, paced_s)

    def next(self, now_s: float, now: int) -> tuple[str, Span] | None:
        """Return a symbol and what to ask of it, closed up to the bar `now`; None if nothing."""
        ranked = (
            (rank, symbol)
            for symbol, order in self._orders.items()
            if (rank := self._rank(order, self._states[symbol], now_s)) is not None
        )
        for _, symbol in sorted(ranked):
            span = self._span(self._orders[symbol], now)
            if span is not None:
                self._orders[symbol].asking = True
                return symbol, span
        return None

    def answered(self, symbol: str, now_s: float) -> None:
        """Note that a question was answered; what it left doubtful is asked for once more."""
        order, state = self._orders[symbol], self._states[symbol]
        order.asking = False
        state.failures, state.retry_at_s = 0, 0.0
        state.doubts_asked_s = now_s
        state.doubts_due_s = now_s + self._patience.rest_lag_s if order.doubtful else None

    def failed(self, symbol: str, now_s: float) -> None:
        """Note that a question was not answered; it is asked again later, and later each time."""
        self._orders[symbol].asking = False
        state = self._states[symbol]
        wait_s = min(self._patience.longest_retry_s, self._patience.retry_s * 2**state.failures)
        state.failures = min(state.failures + 1, 10)
        state.retry_at_s = now_s + wait_s

    def _rank(self, order: SymbolOrder, state: _State, now_s: float) -> tuple[int, float] | None:
        if order.asking or now_s < state.retry_at_s:
            return None
        if order.hold_until_s is not None and order.lost:
            return 0, order.hold_until_s
        if order.lost:
            return 1, state.doubts_asked_s
        if not order.doubtful:
            return None
        if state.doubts_due_s is None:
            state.doubts_due_s = max(now_s, state.doubts_asked_s + self.doubt_every_s)
        return (2, state.doubts_due_s) if now_s >= state.doubts_due_s else None

    def _span(self, order: SymbolOrder, now: int) -> Span | None:
        lost, open_spans = list(order.lost), sorted([*order.lost, *order.doubtful])
        start, end = open_spans[0][0], max(last for _, last in open_spans)
        if end - start > CHUNK_BARS and lost:
            # What is lost goes first, and what is doubtful as far as it lies on the way.
            start = lost[0][0]
        end = min(end, start + CHUNK_BARS, now)
        if start >= end:
            return None
        anchor = order.anchor(start + 1) - 1
        lead = anchor if anchor >= start - LONGEST_LEAD else start
        return min(start - OVERLAP_BARS, lead), end
