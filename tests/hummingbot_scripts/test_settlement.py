from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

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
from hummingbot_scripts.ml_signals.trades import (
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
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
