import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.claims import look_back
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.kraken.account import (
    AccountSnapshot,
    RemoteOrder,
    RemoteTrade,
)
from hummingbot_scripts.ml_signals.pb.signals_pb2 import TradeEvent
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.positions import PositionBook, Submission
from hummingbot_scripts.ml_signals.reconciliation import Look, Reconciliation
from hummingbot_scripts.ml_signals.recovery import reconcile
from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    OrderRole,
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
    total,
)

SIZE = Decimal("0.01")
NOTHING = AccountSnapshot((), (), {})

Restart = Callable[[], tuple[PositionBook, Journal]]


@pytest.fixture
def restart(tmp_path: Path, now: datetime) -> Restart:
    journals: list[Journal] = []

    def start() -> tuple[PositionBook, Journal]:
        for journal in journals:
            journal.close()
        journals.append(Journal(tmp_path / "bot.sqlite"))
        sender = Sender("test", "live", "kraken")
        return PositionBook(journals[-1], sender, lambda: now, lambda: None), journals[-1]

    return start


def _enter(book: PositionBook, now: datetime) -> None:
    plan = Plan(SIZE, Decimal(60_000), now.timestamp())
    one = Decimal(1)
    book.opened(Position("p1", "BTC-USD", 9, one, Decimal(60_000), SIZE, now, plan=plan))
    book.submitted(Submission("1", "BTC-USD", OrderSide.BUY, "MARKET", SIZE, Decimal(60_000)))


def _bought(now: datetime, held: Decimal = SIZE) -> AccountSnapshot:
    order = RemoteOrder("OE", 1, "BTC-USD", OrderSide.BUY, "market", SIZE, SIZE, "closed", now, now)
    trade = RemoteTrade(
        "T1",
        "OE",
        "BTC-USD",
        OrderSide.BUY,
        Decimal(60_000),
        SIZE,
        Decimal(600),
        Decimal("1.56"),
        now,
    )
    return AccountSnapshot((order,), (trade,), {"BTC": held})


def _look(book: PositionBook, account: AccountSnapshot, now: datetime) -> Reconciliation:
    later = now + timedelta(minutes=1)
    look = Look(later, now, look_back(book.claims(), now), {"BTC-USD": Decimal("0.0001")})
    found = reconcile(book.claims(), account, look)
    book.recovered(found)
    return found


def test_a_killed_bot_learns_its_fill_and_guards_the_position_with_its_plan(
    restart: Restart, now: datetime
) -> None:
    book, _ = restart()
    _enter(book, now)
    book, journal = restart()
    (adoption,) = _look(book, _bought(now), now).adopt
    assert adoption.position.plan == Plan(SIZE, Decimal(60_000), now.timestamp())
    assert book.entry("p1").fee_quote == Decimal("1.56")
    order = journal.order("1")
    assert order is not None
    assert (order.status, order.txid) == (OrderStatus.FILLED, "OE")
    book.adopted("p1")
    assert book.claims() == []
    assert not book.is_left_behind("BTC-USD")
    last = TradeEvent.FromString(journal.waiting(10)[-1].payload)
    assert (last.status, last.fee_quote) == ("FILLED", "1.56")


def test_a_recovery_that_is_killed_and_begins_again_writes_nothing_twice(
    restart: Restart, now: datetime
) -> None:
    book, _ = restart()
    _enter(book, now)
    counts = []
    for _ in range(3):
        book, journal = restart()
        _look(book, _bought(now), now)
        counts.append((journal.count_waiting(), len(journal.fills("1"))))
    assert counts == [(2, 1)] * 3


def test_a_position_that_was_never_entered_frees_its_coin(restart: Restart, now: datetime) -> None:
    book, _ = restart()
    _enter(book, now)
    book, journal = restart()
    _look(book, NOTHING, now)
    assert book.held_symbols == frozenset()
    assert journal.position("p1").state is PositionState.CLOSED
    assert TradeEvent.FromString(journal.waiting(10)[-1].payload).status == "FAILED"


def test_missing_coins_wait_for_a_person_and_are_then_written_off(
    restart: Restart, now: datetime
) -> None:
    book, _ = restart()
    _enter(book, now)
    book, journal = restart()
    gone = _bought(now, Decimal(0))
    for _ in range(2):
        assert _look(book, gone, now).money_at_stake
    assert [found.amount for found in journal.open_differences()] == [SIZE]
    book, journal = restart()
    assert len(book.accept_differences("ann")) == 1
    assert book.open_amount("p1") == 0
    assert not _look(book, gone, now).money_at_stake
    assert journal.position("p1").state is PositionState.GONE
    assert journal.open_differences() == []


def test_an_order_that_is_never_listed_ends_by_a_persons_word(
    restart: Restart, now: datetime
) -> None:
    book, _ = restart()
    _enter(book, now)
    book.acknowledged("1", "OE")
    assert _look(book, NOTHING, now).money_at_stake is False
    book, journal = restart()
    assert _look(book, NOTHING, now).unsettled
    book.accept_differences("ann")
    assert _look(book, NOTHING, now).finished
    assert journal.position("p1").state is PositionState.CLOSED


def test_accepting_changes_nothing_of_a_position_that_has_ended(
    restart: Restart, now: datetime
) -> None:
    book, _ = restart()
    _enter(book, now)
    book, journal = restart()
    _look(book, _bought(now, Decimal(0)), now)
    book.finished("p1", PositionState.CLOSED, None)
    book.accept_differences("ann")
    assert journal.position("p1").written_off == 0


class Killed(BaseException):
    """Ends the bot between two statements, like a signal would."""


def _life(book: PositionBook, now: datetime) -> None:
    """One position from entry to exit, with a protective stop, as the strategy journals it."""
    _enter(book, now)
    book.acknowledged("1", "OE")
    for trade, part in (("T1", SIZE / 4), ("T2", SIZE * 3 / 4)):
        book.filled(Fill("1", trade, Decimal(60_000), part, Decimal(1), now), None)
    book.ended("1", OrderStatus.FILLED)
    book.submitted(
        Submission(
            "2",
            "BTC-USD",
            OrderSide.SELL,
            "STOP_LOSS",
            SIZE,
            None,
            OrderRole.PROTECTIVE,
            Decimal(9),
        )
    )
    book.ended("2", OrderStatus.CANCELED)
    book.closing("BTC-USD", ExitReason.SIGNAL_DOWN, 10)
    book.submitted(Submission("3", "BTC-USD", OrderSide.SELL, "MARKET", SIZE, None))
    book.filled(Fill("3", "T3", Decimal(61_000), SIZE, Decimal(1), now), ExitReason.SIGNAL_DOWN)
    book.ended("3", OrderStatus.FILLED)
    book.finished("p1", PositionState.CLOSED, ExitReason.SIGNAL_DOWN)


def _kill_at(journal: Journal, number: int) -> None:
    """Let the journal's statement of this number not happen any more, nor any after it."""
    run, left = journal._run, [number]

    def counted(sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return run(sql, values)

    journal._run = counted  # type: ignore[method-assign]


def test_a_bot_that_is_killed_at_any_statement_has_told_what_it_has_written(
    restart: Restart, now: datetime, tmp_path: Path
) -> None:
    number, finished = 0, False
    while not finished:
        for file in tmp_path.glob("bot.sqlite*"):
            file.unlink()
        book, journal = restart()
        _kill_at(journal, number)
        try:
            _life(book, now)
            finished = True
        except Killed:
            number += 1
        book, journal = restart()
        _check_told(journal)
        book.claims()
    assert number > 40


def _check_told(journal: Journal) -> None:
    """Hold the newest event of each order against the rows."""
    for position in journal.positions(*PositionState):
        for order in journal.orders(position.position_id):
            payload = journal.last_payload(order.order_id)
            assert payload is not None
            event = TradeEvent.FromString(payload)
            own = total(journal.fills(order.order_id))
            assert event.status == order.status
            assert Decimal(event.amount) == (own.amount or order.amount)
            assert (Decimal(event.fee_quote) if event.fee_quote else 0) == own.fee_quote
