"""The book of positions: follows every order of the bot, and journals it before it is reported."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from .clock import Clock
from .events import Sender, trade_event
from .journal import Journal
from .rules import ExitReason
from .trades import (
    ZERO,
    Fill,
    Order,
    OrderRole,
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
    Totals,
    realised_pnl,
    total,
)

UNFINISHED = (PositionState.OPEN, PositionState.KEPT, PositionState.UNRESOLVED)


_REASONS = {
    "STOP_LOSS": ExitReason.STOP_LOSS,
    "TAKE_PROFIT": ExitReason.TAKE_PROFIT,
    "TIME_LIMIT": ExitReason.TIME_LIMIT,
    "EXPIRED": ExitReason.TIME_LIMIT,
}


def exit_reason(close_type: str, noted: ExitReason | None) -> ExitReason:
    """Translate an executor's close type; `noted` is why this bot stopped it early, if it did."""
    if close_type == "EARLY_STOP":
        return noted or ExitReason.EARLY_STOP
    return _REASONS.get(close_type, ExitReason.FAILED)


def settled_state(open_amount: Decimal, min_size: Decimal, *, kept: bool) -> PositionState:
    """Return what a position is once its executor is done; dust below `min_size` is closed."""
    if open_amount <= 0 or open_amount < min_size:
        return PositionState.CLOSED
    return PositionState.KEPT if kept else PositionState.UNRESOLVED


@dataclass(frozen=True, slots=True)
class Submission:
    """An order as it is handed to the exchange.

    Without `role` a purchase enters and a sale leaves; `trigger` is the price that sets a
    protective stop off; `reason` is why a sale leaves the position, where that is known.
    """

    order_id: str
    symbol: str
    side: OrderSide
    order_type: str
    amount: Decimal
    reference_price: Decimal | None
    role: OrderRole | None = None
    trigger: Decimal | None = None
    reason: ExitReason | None = None

    @property
    def purpose(self) -> OrderRole:
        """What it is for."""
        by_side = OrderRole.ENTRY if self.side is OrderSide.BUY else OrderRole.EXIT
        return self.role or by_side


class PositionBook:
    """All positions of one bot, at most one unfinished a coin.

    Every change is written to the journal together with the event that tells the server of it;
    `on_event` is called after each so that the sender wakes up.
    """

    def __init__(
        self, journal: Journal, sender: Sender, clock: Clock, on_event: Callable[[], None]
    ) -> None:
        """Read back what earlier runs left; those positions are `left_behind`."""
        self._journal = journal
        self._sender = sender
        self._clock = clock
        self._on_event = on_event
        unfinished = journal.positions(*UNFINISHED)
        self._held = {position.symbol: position.position_id for position in unfinished}
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

    def entry(self, position_id: str) -> Totals:
        """Return the sum of all entry fills of a position."""
        return self._sum(position_id, exits=False)

    def exit(self, position_id: str) -> Totals:
        """Return the sum of all exit fills of a position."""
        return self._sum(position_id, exits=True)

    def _sum(self, position_id: str, *, exits: bool) -> Totals:
        orders = self._journal.orders(position_id)
        return total(
            fill
            for order in orders
            if order.is_exit is exits
            for fill in self._journal.fills(order.order_id)
        )

    def open_amount(self, position_id: str) -> Decimal:
        """Return the base amount bought and not sold; a complete order counts as sent."""
        left = ZERO
        for order in self._journal.orders(position_id):
            known = total(self._journal.fills(order.order_id)).amount
            done = max(known, order.amount) if order.status is OrderStatus.FILLED else known
            left += -done if order.is_exit else done
        return left

    def pnl(self, position_id: str) -> Decimal | None:
        """Return the realised profit of a position, net of fees; None before it has one."""
        return realised_pnl(self.entry(position_id), self.exit(position_id))

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
            self._post(order)
        self._on_event()

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
            whole = own.amount >= order.amount or order.status is OrderStatus.FILLED
            self._become(order, OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED)
        self._on_event()

    def ended(self, order_id: str, status: OrderStatus) -> None:
        """Journal that an order is complete, cancelled or failed."""
        order = self._journal.order(order_id)
        if order is None or order.status is status:
            return
        with self._journal.transaction():
            self._become(order, status)
        self._on_event()

    def finished(self, position_id: str, state: PositionState, reason: ExitReason | None) -> None:
        """Journal that no executor watches a position any more, and what has become of it."""
        now = self._clock()
        symbol = self._journal.position(position_id).symbol
        with self._journal.transaction():
            self._journal.settle_position(position_id, state, reason, now)
            for order in self._journal.orders(position_id):
                self._post(order)
        if state in UNFINISHED:
            self._left_behind.add(symbol)
        else:
            self._held.pop(symbol, None)
            self._left_behind.discard(symbol)
            self._last_exits[symbol] = now
        self._on_event()

    def _become(self, order: Order, status: OrderStatus) -> None:
        self._journal.set_order_status(order.order_id, status)
        self._post(replace(order, status=status))

    def _post(self, order: Order) -> None:
        position = self._journal.position(order.position_id)
        own = total(self._journal.fills(order.order_id))
        entry = self.entry(order.position_id) if order.is_exit else own
        payload = trade_event(
            self._sender, position, order, entry=entry, own=own
        ).SerializeToString(deterministic=True)
        if payload != self._journal.last_payload(order.order_id):
            self._journal.post(order.order_id, payload)
