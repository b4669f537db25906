"""The book of positions: follows every order of the bot, and journals it before it is reported."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from .claims import ENDED, Claim
from .clock import Clock
from .events import OrderTotals, Sender, trade_event
from .exits import exit_reason as exit_reason
from .exits import settled_state as settled_state
from .journal import Journal, WrittenDifference
from .pb.signals_pb2 import TradeEvent
from .reconciliation import Difference, Finished, Reconciliation
from .rules import ExitReason
from .settlement import accept, claim_of, write_findings
from .sums import PositionSums
from .trades import (
    ZERO,
    Fill,
    Order,
    OrderStatus,
    Position,
    PositionState,
    total,
)
from .trades import (
    Submission as Submission,
)

_BEYOND = "coins beyond the bot's"

UNFINISHED = (PositionState.OPEN, PositionState.KEPT, PositionState.UNRESOLVED)


class PositionBook(PositionSums):
    """All positions of one bot, at most one unfinished a coin.

    Every change is written to the journal together with the event that tells the server of it;
    `on_event` is called after each so that the sender wakes up.
    """

    def __init__(
        self, journal: Journal, sender: Sender, clock: Clock, on_event: Callable[[], None]
    ) -> None:
        """Read back what earlier runs left; those positions are `left_behind`."""
        unfinished = journal.positions(*UNFINISHED)
        super().__init__(journal, {each.symbol: each.position_id for each in unfinished})
        self._sender = sender
        self._clock = clock
        self._on_event = on_event
        self._left_behind = set(self._held)
        self._last_exits = journal.last_exits()
        self._last_acted = journal.last_signal_ids()

    @property
    def held_symbols(self) -> frozenset[str]:
        """Coins with an unfinished position."""
        return frozenset(self._held)

    @property
    def left_behind(self) -> list[Position]:
        """Unfinished positions that no executor of this run watches."""
        return [self._journal.position(self._held[symbol]) for symbol in sorted(self._left_behind)]

    def is_left_behind(self, symbol: str) -> bool:
        """Whether the coin's position is unfinished and unwatched."""
        return symbol in self._left_behind

    def last_exit_at(self, symbol: str) -> datetime | None:
        """When the coin's latest position ended; tz-aware UTC."""
        return self._last_exits.get(symbol)

    def last_acted_signal_id(self, symbol: str) -> int:
        """Return the newest signal of this coin that was acted on, 0 if none was."""
        return self._last_acted.get(symbol, 0)

    def forget_signals(self) -> None:
        """Take the ids of coming signals for new ones, since the server counts anew."""
        self._last_acted.clear()

    @property
    def newest_acted_signal_id(self) -> int:
        """The newest signal of any coin that was acted on, 0 if none was."""
        return max(self._last_acted.values(), default=0)

    def position(self, position_id: str) -> Position:
        """Return one position; raises `KeyError` when there is none."""
        return self._journal.position(position_id)

    def held(self, symbol: str) -> Position:
        """Return the coin's unfinished position; raises `KeyError` when there is none."""
        return self._journal.position(self._held[symbol])

    def opened(self, position: Position) -> None:
        """Enter a position that is about to be opened; its signal counts as acted on."""
        self._journal.add_position(position)
        self._held[position.symbol] = position.position_id
        self._last_acted[position.symbol] = position.signal_id

    def closing(self, symbol: str, reason: ExitReason, signal_id: int | None = None) -> None:
        """Note why this coin's position is about to be closed."""
        self._journal.note_exit_reason(self._held[symbol], reason)
        if signal_id is not None:
            self._last_acted[symbol] = signal_id

    def submitted(self, submission: Submission) -> None:
        """Journal an order at the moment it is handed to the exchange."""
        order = Order(
            order_id=submission.order_id,
            position_id=self._held[submission.symbol],
            symbol=submission.symbol,
            side=submission.side,
            order_type=submission.order_type,
            amount=submission.amount,
            reference_price=submission.reference_price,
            created_at=self._clock(),
            role=submission.purpose,
            trigger=submission.trigger,
        )
        with self._journal.transaction():
            self._journal.add_order(order)
            if submission.reason is not None:
                self._journal.note_exit_reason(order.position_id, submission.reason)
            self._tell(order.position_id)
        self._on_event()

    def acknowledged(self, order_id: str, txid: str) -> None:
        """Journal the exchange's id of an order; one that is not the bot's is left alone."""
        order = self._journal.order(order_id)
        if order is not None and order.txid is None:
            self._journal.set_txid(order_id, txid)

    def filled(self, fill: Fill, reason: ExitReason | None) -> None:
        """Journal a fill; `reason` is why the position is being closed, if that is known."""
        order = self._journal.order(fill.order_id)
        if order is None:
            return
        with self._journal.transaction():
            if not self._journal.add_fill(fill):
                return
            if order.is_exit and reason is not None:
                self._journal.note_exit_reason(order.position_id, reason)
            own = total(self._journal.fills(order.order_id))
            if order.status not in ENDED:
                whole = own.amount >= order.amount
                status = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
                self._journal.set_order_status(order.order_id, status)
            self._tell(order.position_id)
        self._on_event()

    def ended(self, order_id: str, status: OrderStatus) -> None:
        """Journal that an order is complete, cancelled or failed."""
        order = self._journal.order(order_id)
        if order is None or order.status is status:
            return
        with self._journal.transaction():
            self._journal.set_order_status(order_id, status)
            self._tell(order.position_id)
        self._on_event()

    def finished(self, position_id: str, state: PositionState, reason: ExitReason | None) -> None:
        """Journal that no executor watches a position any more, and what has become of it."""
        end = Finished(position_id, state, reason, self._clock())
        with self._journal.transaction():
            self._end(end)
        self._let_go(end)
        self._on_event()

    def claims(self) -> list[Claim]:
        """Return the positions that nothing watches, as a recovery looks at them."""
        return [claim_of(self._journal, position) for position in self.left_behind]

    def recovered(self, found: Reconciliation) -> list[Difference]:
        """Journal what a recovery has learned, all at once; return the differences that are news.

        Adopting comes after it.
        """
        with self._journal.transaction():
            news = write_findings(self._journal, found, self._clock())
            for end in found.finished:
                self._end(end)
            for position_id in self._touched(found):
                self._tell(position_id)
        for end in found.finished:
            self._let_go(end)
        self._on_event()
        return news

    def _touched(self, found: Reconciliation) -> list[str]:
        """Return the positions of which an order or a fill is news."""
        names = [fill.order_id for fill in found.new_fills]
        names += [state.order_id for state in found.order_states]
        orders = (self._journal.order(name) for name in dict.fromkeys(names))
        return list(dict.fromkeys(order.position_id for order in orders if order is not None))

    def note_beyond(self, balances: Mapping[str, Decimal], symbols: Iterable[str]) -> None:
        """Journal what the account holds beyond the bot's own coins, by symbol."""
        beyond = {}
        for symbol in sorted(symbols):
            own = self.open_amount(self._held[symbol]) if symbol in self._held else ZERO
            beyond[symbol] = balances.get(symbol.split("-")[0], ZERO) - own
        more = {symbol: f"{amount:f}" for symbol, amount in beyond.items() if amount > 0}
        self._journal.set_meta(_BEYOND, json.dumps(more))

    def beyond(self) -> dict[str, Decimal] | None:
        """Return what was noted last, None if nothing ever was."""
        known = self._journal.meta(_BEYOND)
        if known is None:
            return None
        return {symbol: Decimal(amount) for symbol, amount in json.loads(known).items()}

    def explained(self, found: Difference) -> None:
        """Journal better words for a difference, unless somebody has settled it meanwhile."""
        self._journal.reword_difference(found.kind, found.position_id, found.words)

    def exchange_ids(self, symbol: str) -> frozenset[str]:
        """Return the exchange's ids of all orders of this bot in a coin."""
        return self._journal.txids(symbol)

    def adopted(self, position_id: str) -> None:
        """Journal that an executor guards a position again that an earlier run left."""
        self._journal.reopen_position(position_id)
        self._left_behind.discard(self._journal.position(position_id).symbol)

    def accept_differences(self, by: str) -> list[WrittenDifference]:
        """Take the account's word for what differs, because a person said so; return what did.

        Missing coins are written off, and orders that the exchange does not list count as ended.
        """
        found = self._journal.open_differences()
        with self._journal.transaction():
            for each in found:
                accept(self._journal, each)
            self._journal.settle_differences(self._clock(), by)
            for position_id in dict.fromkeys(each.position_id for each in found):
                self._tell(position_id)
        self._on_event()
        return found

    def _end(self, end: Finished) -> None:
        self._journal.settle_position(end.position_id, end.state, end.reason, end.at)
        self._tell(end.position_id)

    def _let_go(self, end: Finished) -> None:
        symbol = self._journal.position(end.position_id).symbol
        self._changed(end.position_id)
        if end.state in UNFINISHED:
            self._left_behind.add(symbol)
            return
        self._held.pop(symbol, None)
        self._left_behind.discard(symbol)
        self._last_exits[symbol] = end.at

    def _tell(self, position_id: str) -> None:
        """Post what has changed of a position's orders: a fill may change later exits' profit."""
        self._changed(position_id)
        position = self._journal.position(position_id)
        entry, sold = self.entry(position_id), ZERO
        for order in self._journal.orders(position_id):
            own = total(self._journal.fills(order.order_id))
            totals = OrderTotals(entry if order.is_exit else own, own, sold)
            self._post(trade_event(self._sender, position, order, totals))
            sold += own.amount if order.is_exit else ZERO
        self._journal.note_pnl(position_id, self.pnl(position_id))

    def _post(self, event: TradeEvent) -> None:
        payload = event.SerializeToString(deterministic=True)
        if payload != self._journal.last_payload(event.order_id):
            self._journal.post(event.order_id, payload)
