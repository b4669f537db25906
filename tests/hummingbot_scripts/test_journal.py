import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals import plan as plans
from hummingbot_scripts.ml_signals.journal import (
    Journal,
    JournalError,
    Owner,
    WrittenControl,
    WrittenDifference,
)
from hummingbot_scripts.ml_signals.journal.schema import APPLICATION_ID, MIGRATIONS
from hummingbot_scripts.ml_signals.outcomes import Outcome
from hummingbot_scripts.ml_signals.pb.signals_pb2 import TradeEvent
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.rules import Action
from hummingbot_scripts.ml_signals.rules.halts import Halt, HaltKind
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    Order,
    OrderRole,
    OrderSide,
    Position,
    PositionState,
)

EXACT = Decimal("0.123456789012345678901234567890")
decimals = st.decimals("-1e9", "1e9", allow_nan=False, allow_infinity=False)


def _position(now: datetime, **changes: object) -> Position:
    base = {"plan": None, **changes}
    return Position("p1", "BTC-USD", 9, EXACT, EXACT, EXACT, now, **base)  # type: ignore[arg-type]


def _order(now: datetime) -> Order:
    return Order(
        "12345",
        "p1",
        "BTC-USD",
        OrderSide.SELL,
        "stop-loss",
        EXACT,
        None,
        now,
        OrderRole.PROTECTIVE,
        txid="OABC-1",
        trigger=Decimal("56400.1"),
    )


def _v1_file(path: Path, now: datetime) -> None:
    event = TradeEvent(bot_id="old", mode="paper").SerializeToString()
    at = now.isoformat(timespec="microseconds")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version = 1; COMMIT;")
        db.execute(
            "INSERT INTO positions VALUES ('p1', 'BTC-USD', 7, '0.7', '60000.10', '0.01', ?,"
            " 'OPEN', NULL, NULL)",
            (at,),
        )
        for order_id, side in (("111", "BUY"), ("buy://BTC-USD/x", "SELL")):
            db.execute(
                "INSERT INTO orders VALUES (?, 'p1', 'BTC-USD', ?, 'MARKET', '0.01', NULL, ?,"
                " 'FILLED')",
                (order_id, side, at),
            )
        db.execute("INSERT INTO fills VALUES ('111', 't1', '60000.5', '0.01', '1.56', ?)", (at,))
        db.execute("INSERT INTO decisions VALUES (?, 'BTC-USD', 'ENTER', 'why', 7)", (at,))
        db.execute(
            "INSERT INTO outbox (event_id, order_id, payload) VALUES ('e', '111', ?)", [event]
        )


def test_a_file_of_the_first_version_is_brought_up_without_loss(
    tmp_path: Path, now: datetime
) -> None:
    _v1_file(tmp_path / "b.sqlite", now)
    with closing(Journal(tmp_path / "b.sqlite")) as journal:
        position = journal.position("p1")
        assert (position.amount, position.reference_price) == (Decimal("0.01"), Decimal("60000.10"))
        assert (position.plan, position.written_off) == (None, 0)
        entry, left = journal.orders("p1")
        assert (entry.role, entry.userref, entry.txid) == (OrderRole.ENTRY, 111, None)
        assert (left.role, left.userref) == (OrderRole.EXIT, None)
        assert journal.fills("111") == [
            Fill("111", "t1", Decimal("60000.5"), Decimal("0.01"), Decimal("1.56"), now)
        ]
        assert [outcome.reason for outcome in journal.outcomes()] == ["why"]
        assert journal.reason_counts(now.date()) == {"why": 1}
        assert journal.count_waiting() == 1


def test_a_file_that_was_brought_up_opens_again_and_bears_the_mark(
    tmp_path: Path, now: datetime
) -> None:
    _v1_file(tmp_path / "b.sqlite", now)
    for _ in range(2):
        Journal(tmp_path / "b.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "b.sqlite")) as db:
        assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_a_migration_that_fails_leaves_the_old_version_whole(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "b.sqlite"
    _v1_file(path, now)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE meta (in_the_way TEXT)")
    with pytest.raises(JournalError, match="meta"):
        Journal(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
        columns = [row[1] for row in db.execute("PRAGMA table_info(positions)")]
    assert "plan" not in columns


def test_a_plan_an_order_and_its_fills_are_kept_exactly(journal: Journal, now: datetime) -> None:
    plan = Plan(EXACT, EXACT, 1764000000.1234567, EXACT, None, 86_400, EXACT, EXACT, EXACT)
    position = _position(now, plan=plan)
    fill = Fill("12345", "T1", EXACT, EXACT, EXACT, now + timedelta(microseconds=1), EXACT)
    journal.add_position(position)
    journal.add_order(_order(now))
    assert journal.add_fill(fill)
    assert not journal.add_fill(fill)
    assert journal.position("p1") == position
    assert journal.order("12345") == _order(now)
    assert journal.fills("12345") == [fill]


@given(decimals, decimals, st.floats(0, 4e9), st.none() | decimals, st.none() | st.integers(0))
def test_a_plan_survives_its_text(
    amount: Decimal, price: Decimal, at: float, share: Decimal | None, limit: int | None
) -> None:
    plan = Plan(amount, price, at, stop_loss=share, time_limit_s=limit, trailing_delta=share)
    assert plans.from_json(plans.to_json(plan)) == plan


def test_a_plan_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert plans.from_json(
        '{"amount": "1", "entry_price": "2", "timestamp": 3, "moon": "full"}'
    ) == Plan(Decimal(1), Decimal(2), 3.0)


def test_an_order_learns_its_txid_and_a_position_what_it_lost_and_earned(
    journal: Journal, now: datetime
) -> None:
    journal.add_position(_position(now))
    journal.add_order(_order(now))
    journal.set_txid("12345", "OXYZ")
    journal.write_off("p1", EXACT)
    journal.settle_position("p1", PositionState.CLOSED, None, now)
    journal.note_pnl("p1", Decimal("-1.5"))
    order = journal.order("12345")
    assert order is not None
    assert order.txid == "OXYZ"
    assert journal.position("p1").written_off == EXACT
    assert [pnl for _, pnl in journal.recent_results(5)] == [Decimal("-1.5")]
    assert journal.earned_since(now + timedelta(seconds=1)) == []
    assert len(journal.earned_since(now)) == 1


def test_a_second_bot_on_the_same_journal_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    first = Journal(path, Owner("alpha", "live"))
    with pytest.raises(JournalError, match=r"in use by bot 'alpha' \(live\), process \d+"):
        Journal(path, Owner("beta", "live"))
    first.close()
    Journal(path, Owner("alpha", "live")).close()


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.trades import Position, PositionState

journal = Journal(Path(sys.argv[1]))
one = Decimal(1)
journal.add_position(Position("p1", "BTC-USD", 9, one, one, one, datetime(2026, 3, 1, tzinfo=UTC)))
with journal.transaction():
    journal.settle_position("p1", PositionState.GONE, None, datetime(2026, 3, 1, tzinfo=UTC))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_bot_leaves_no_lock_and_no_half_transaction(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)  # noqa: S603
    assert ended.returncode == -signal.SIGKILL
    with closing(Journal(path)) as journal:
        assert journal.position("p1").state is PositionState.OPEN


def test_the_journal_of_paper_money_is_not_taken_for_real_money(
    tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "b.sqlite"
    _v1_file(path, now)
    with pytest.raises(JournalError, match="'old' in paper mode, not to 'old' in live mode"):
        Journal(path, Owner("old", "live"))
    Journal(path, Owner("old", "paper")).close()
    with pytest.raises(JournalError, match="belongs to bot 'old'"):
        Journal(path, Owner("new", "paper"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(JournalError, match=r"b\.sqlite is damaged or no SQLite file"):
        Journal(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_damaged_file_is_refused(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "b.sqlite"
    with closing(Journal(path)) as journal:
        journal.add_position(_position(now))
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 6] = b"\xff" * (4096 * 5)
    path.write_bytes(content)
    with pytest.raises(JournalError, match="damaged"):
        Journal(path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(JournalError, match="another program"):
        Journal(path)


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    Journal(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer version"):
        Journal(path)


def test_a_full_disk_is_one_kind_of_error_and_undoes_the_transaction(
    journal: Journal, now: datetime
) -> None:
    journal._run("PRAGMA max_page_count = 40")
    with pytest.raises(JournalError, match="has room"):
        _write_much(journal, now)
    assert "full" in journal.problem
    assert journal.count_waiting() == 0
    journal._run("PRAGMA max_page_count = 4000")
    journal.add_position(_position(now))
    with journal.transaction():
        journal.post("12345", b"x")
    assert journal.problem == ""


def _write_much(journal: Journal, now: datetime) -> None:
    with journal.transaction():
        journal.add_position(_position(now))
        for _ in range(100):
            journal.post("12345", b"x" * 4096)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path / "file" / "b.sqlite")


def test_a_commit_of_money_waits_for_the_disk_and_one_of_decisions_does_not(
    journal: Journal,
) -> None:
    assert _synchronous(journal) == 2
    with journal.transaction(durable=False):
        assert _synchronous(journal) == 1
    with pytest.raises(ZeroDivisionError), journal.transaction(durable=False):
        _ = 1 / 0
    assert _synchronous(journal) == 2


def _synchronous(journal: Journal) -> int:
    return int(journal._rows("PRAGMA synchronous")[0][0])


def test_a_transaction_inside_another_belongs_to_it(journal: Journal, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(journal, now)
    assert journal.positions(PositionState.OPEN) == []


def _write_and_fail(journal: Journal, now: datetime) -> None:
    with journal.transaction():
        with journal.transaction():
            journal.add_position(_position(now))
        _ = 1 / 0


def test_reasons_are_counted_by_day_over_restarts(tmp_path: Path, now: datetime) -> None:
    held = Outcome("BTC-USD", Action.NOTHING, "holding", 1)
    for day in range(2):
        with closing(Journal(tmp_path / "b.sqlite")) as journal:
            journal.add_outcomes([held, held], now + timedelta(days=day))
            journal.count_reasons(["stale"], now + timedelta(days=day))
            journal.forget_decisions(now + timedelta(hours=1))
    with closing(Journal(tmp_path / "b.sqlite")) as journal:
        assert journal.reason_counts() == {"holding": 4, "stale": 2}
        assert journal.reason_counts(now.date()) == {"holding": 2, "stale": 1}
        assert journal.outcomes() == [held, held]
        assert journal.outcomes(limit=1) == [held]


def test_halts_persist_change_and_end(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "b.sqlite"
    daily = Halt(HaltKind.DAILY_LOSS, now, now + timedelta(hours=3), "lost 50", "at midnight")
    critical = Halt(HaltKind.CRITICAL_ERROR, now + timedelta(1), None, "disk full", "by resume")
    with closing(Journal(path)) as journal:
        journal.save_halts([critical, daily], now)
    with closing(Journal(path)) as journal:
        assert journal.halts() == [daily, critical]
        journal.save_halts([critical], now)
        journal.save_halts([critical], now)
        assert journal.halts() == [critical]
        journal.save_halts([critical, daily], now)
        rows = journal._rows("SELECT kind, ended_at IS NULL FROM halts ORDER BY halt_id")
        assert [tuple(row) for row in rows] == [
            ("CRITICAL_ERROR", 1),
            ("DAILY_LOSS", 0),
            ("DAILY_LOSS", 1),
        ]


def test_control_orders_are_kept_once_each(journal: Journal, now: datetime) -> None:
    pause = WrittenControl(3, "PAUSE", "ann", "news", now)
    local = WrittenControl(0, "FLATTEN", "local file", "says so", now)
    for _ in range(2):
        journal.note_control(pause, now)
        journal.note_control(local, now)
    assert journal.last_control() == pause
    assert journal.last_control(local=True) == local
    assert len(journal._rows("SELECT * FROM control")) == 2


def test_values_are_kept_by_key(journal: Journal) -> None:
    assert journal.meta("day") is None
    journal.set_meta("day", "1")
    journal.set_meta("day", "2")
    assert journal.meta("day") == "2"


def test_a_difference_is_written_once_until_somebody_settles_it(
    journal: Journal, now: datetime
) -> None:
    found = WrittenDifference(now, "SOLD_ELSEWHERE", "BTC-USD", "p1", EXACT, "0.1 BTC are gone")
    assert journal.add_difference(replace(found, amount=Decimal(2)))
    assert not journal.add_difference(found)
    assert journal.add_difference(replace(found, kind="DOUBLED"), needs_person=False)
    assert [each.amount for each in journal.open_differences()] == [EXACT]
    assert journal.settle_differences(now, "ann") == 1
    assert journal.open_differences() == []
