import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import Direction
from signal_server.core.errors import JournalError
from signal_server.journal import predictions as predictions_module
from signal_server.journal.health import Metric, newest_metrics, record_metrics
from signal_server.journal.journal import Journal
from signal_server.journal.orders import Wanted, newest_positions
from signal_server.journal.outcomes import fill_outcomes, outcome_class
from signal_server.journal.performance import read_days
from signal_server.journal.predictions import (
    newest_id,
    record_prediction,
    signals_after,
    valid_signals,
)
from signal_server.journal.trades import (
    OrderStatus,
    TradeEvent,
    record_trade_events,
)
from signal_server.labels import classes, make_labels
from tests.signal_server.journal.records import NOON, closing, event, prediction


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "signals.sqlite") as opened:
        yield opened


class Bars:
    bar_seconds = 60

    def __init__(self, closes: dict[int, float]) -> None:
        """Closing prices by seconds after noon."""
        index = pd.DatetimeIndex([NOON + timedelta(seconds=second) for second in closes])
        self.frame = pd.DataFrame({"close": list(closes.values())}, index=index, dtype="float64")

    def read(
        self, symbol: str, start: datetime | None = None, end: datetime | None = None
    ) -> pd.DataFrame:
        index = self.frame.index
        return (
            self.frame[(index > start) & (index <= end)] if symbol == "BTC-USD" else self.frame[:0]
        )

    def last_close(self, symbol: str) -> datetime | None:
        return self.frame.index[-1].to_pydatetime() if symbol == "BTC-USD" else None


def outcomes(journal: Journal) -> list[tuple[float | None, int | None]]:
    rows = journal.query("SELECT actual_move, correct FROM ml_predictions ORDER BY id")
    return [(row["actual_move"], row["correct"]) for row in rows]


def test_every_table_is_strict_and_the_log_is_write_ahead(journal: Journal) -> None:
    rows = journal.query("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    ours = {
        row["name"]: row["strict"] for row in rows if not row["name"].startswith(("_", "sqlite"))
    }
    assert set(ours) == {
        "ml_features",
        "ml_predictions",
        "shadow_predictions",
        "trade_events",
        "hummingbot_trades",
        "daily_performance",
        "health_metrics",
        "control_orders",
    }
    assert set(ours.values()) == {1}
    assert journal.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]


def test_opening_an_existing_log_again_keeps_its_rows(journal: Journal) -> None:
    record_prediction(journal, prediction())
    with Journal.open(journal.path) as again:
        assert newest_id(again) == 1


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "signals.sqlite"
    path.write_text("this is a letter, not a database " * 100)
    with pytest.raises(JournalError, match=r"signals\.sqlite cannot be used"):
        Journal.open(path)


def test_reading_a_log_that_does_not_exist_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="does not exist; run"):
        Journal.open_existing(tmp_path / "signals.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_prediction_comes_back_as_the_signal_that_was_sent(journal: Journal) -> None:
    sent = record_prediction(journal, prediction(flags=("SPARSE_BARS",)))
    assert sent is not None
    assert sent.id == 1
    assert list(signals_after(journal, 0, 10)) == [sent]


def test_the_feature_row_is_stored_as_json_with_nan_as_null(journal: Journal) -> None:
    record_prediction(journal, prediction())
    (row,) = journal.query("SELECT * FROM ml_features")
    assert row["prediction_id"] == 1
    assert json.loads(row["features"]) == {"rsi_14": 55.0, "gap": None}


def test_the_same_bar_is_predicted_once_by_a_model_version(journal: Journal) -> None:
    record_prediction(journal, prediction())
    assert record_prediction(journal, prediction()) is None
    other = record_prediction(journal, prediction(model_version="v2"))
    assert other is not None
    assert len(list(signals_after(journal, 0, 10))) == 2


def test_ids_are_never_used_twice_even_after_rows_are_deleted(journal: Journal) -> None:
    record_prediction(journal, prediction())
    journal.execute("DELETE FROM ml_features")
    journal.execute("DELETE FROM ml_predictions")
    with Journal.open(journal.path) as again:
        sent = record_prediction(again, prediction())
    assert sent is not None
    assert sent.id == 2


def test_a_resumed_subscriber_gets_what_came_after_its_id(journal: Journal) -> None:
    for minute in range(4):
        record_prediction(journal, prediction(bar_close=NOON + timedelta(minutes=minute)))
    assert [found.id for found in signals_after(journal, 2, 10)] == [3, 4]
    assert [found.id for found in signals_after(journal, 0, 2)] == [3, 4]


def test_resuming_reads_page_by_page_and_other_symbols_take_no_place(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions_module, "PAGE_ROWS", 2)
    for minute in range(12):
        symbol = "ETH-USD" if minute % 2 else "BTC-USD"
        bar_close = NOON + timedelta(minutes=minute)
        record_prediction(journal, prediction(bar_close=bar_close, symbol=symbol))
    missed = signals_after(journal, 2, 100, ["ETH-USD"])
    assert [found.id for found in missed] == [4, 6, 8, 10, 12]
    newest = signals_after(journal, 0, 3, ["ETH-USD", "XRP-USD"])
    assert [found.id for found in newest] == [8, 10, 12]
    assert list(signals_after(journal, 0, 3, ["XRP-USD"])) == []


def test_only_the_newest_unexpired_signal_of_each_symbol_is_valid(journal: Journal) -> None:
    record_prediction(journal, prediction())
    record_prediction(journal, prediction(bar_close=NOON + timedelta(seconds=1)))
    record_prediction(journal, prediction(symbol="ETH-USD"))
    record_prediction(journal, prediction(symbol="OLD-USD", valid_until=NOON))
    assert [found.id for found in valid_signals(journal, NOON)] == [2, 3]


def test_an_outcome_is_unknown_until_the_bars_reach_the_horizon(journal: Journal) -> None:
    record_prediction(journal, prediction())
    assert fill_outcomes(journal, Bars({60: 101.0, 119: 102.0})) == 0
    assert outcomes(journal) == [(None, None)]


def test_an_outcome_is_the_return_to_the_last_bar_at_or_before_the_horizon(
    journal: Journal,
) -> None:
    record_prediction(journal, prediction())
    assert fill_outcomes(journal, Bars({60: 101.0, 119: 102.0, 121: 50.0})) == 1
    assert outcomes(journal) == [(pytest.approx(0.02), 1)]


def test_outcomes_are_caught_up_by_the_next_process(journal: Journal) -> None:
    for second in (0, 60):
        record_prediction(journal, prediction(bar_close=NOON + timedelta(seconds=second)))
    fill_outcomes(journal, Bars({0: 100.0, 120: 99.0}))
    with Journal.open(journal.path) as restarted:
        assert fill_outcomes(restarted, Bars({120: 99.0, 180: 101.0})) == 1
        assert outcomes(restarted) == [(pytest.approx(-0.01), 0), (pytest.approx(0.01), 1)]


def test_without_any_bar_in_the_horizon_the_price_has_not_moved(journal: Journal) -> None:
    record_prediction(journal, prediction())
    fill_outcomes(journal, Bars({500: 120.0}))
    assert outcomes(journal) == [(0.0, 0)]


@pytest.mark.parametrize(
    ("move", "threshold_bps", "expected"),
    [
        (0.01, 0, Direction.UP),
        (-0.01, 0, Direction.DOWN),
        (0.0021, 20, Direction.UP),
        (0.002, 20, Direction.FLAT),
        (-0.002, 20, Direction.FLAT),
        (-0.0021, 20, Direction.DOWN),
    ],
)
def test_a_move_belongs_to_a_class(move: float, threshold_bps: float, expected: Direction) -> None:
    assert outcome_class(move, threshold_bps) is expected


@given(
    returns=st.lists(st.sampled_from([-30e-4, -20e-4, 0.0, 20e-4, 30e-4]), min_size=2, max_size=9),
    label=st.sampled_from(
        [
            LabelConfig(kind=LabelKind.DIRECTION, horizon_s=60),
            LabelConfig(kind=LabelKind.TREND, horizon_s=60, threshold_bps=20),
        ]
    ),
)
def test_an_outcome_is_the_class_that_training_labels(
    returns: list[float], label: LabelConfig
) -> None:
    closes = 100.0 * np.cumprod(1.0 + np.array(returns))
    index = pd.date_range(NOON, periods=len(closes), freq="60s")
    labelled = make_labels(pd.DataFrame({"close": closes}, index=index), label, 60).dropna()
    for _, row in labelled.iterrows():
        expected = classes(label.kind)[int(row["label"])]
        assert outcome_class(row["forward_return"], label.threshold_bps) is expected


def test_a_days_accuracy_follows_the_outcomes(journal: Journal) -> None:
    record_prediction(journal, prediction())
    record_prediction(
        journal, prediction(bar_close=NOON + timedelta(seconds=60), direction=Direction.DOWN)
    )
    fill_outcomes(journal, Bars({120: 101.0, 180: 102.0}))
    (day,) = read_days(journal)
    assert (day["date"], day["predictions"], day["correct"]) == ("2026-03-01", 2, 1)
    assert day["accuracy"] == 0.5


def test_an_entry_and_its_exit_become_one_complete_position(journal: Journal) -> None:
    record_trade_events(journal, [event(signal_id=7, confidence=0.61), closing()], NOON)
    (position,) = newest_positions(journal, Wanted())
    assert position.closed
    assert (position.entry_price, position.exit_price) == (Decimal("100.1"), Decimal(103))
    assert position.exit_reason == "TAKE_PROFIT"
    assert position.fees == Decimal("0.52")
    assert (position.pnl, position.signal_id) == (Decimal("2.38"), 7)


def test_an_order_that_never_filled_is_no_position(journal: Journal) -> None:
    failed = event(status=OrderStatus.FAILED, filled_at=None, price=None, fee_quote=None)
    record_trade_events(journal, [failed], NOON)
    assert newest_positions(journal, Wanted()) == []


def test_an_exit_in_two_orders_is_averaged_and_added_up(journal: Journal) -> None:
    part = closing(
        event_id="e3",
        order_id="o3",
        status=OrderStatus.CANCELED,
        amount=Decimal("0.25"),
        price=Decimal("99"),
        pnl_quote=Decimal("-1"),
    )
    rest = closing(sequence=4, amount=Decimal("0.75"))
    record_trade_events(journal, [event(), part, rest], NOON)
    (position,) = newest_positions(journal, Wanted())
    assert position.exit_price == Decimal(102)
    assert position.pnl == Decimal("1.38")
    (day,) = read_days(journal)
    assert (day["trades"], day["pnl"]) == (1, pytest.approx(1.38))


def test_a_day_counts_trades_wins_and_real_money_apart(journal: Journal) -> None:
    record_trade_events(journal, [event(), closing()], NOON)
    live = {"mode": "live", "connector": "kraken", "position_id": "p2"}
    record_trade_events(
        journal,
        [
            event(event_id="e3", order_id="o3", **live),
            closing(event_id="e4", order_id="o4", pnl_quote=Decimal("-1"), **live),
        ],
        NOON,
    )
    (day,) = read_days(journal)
    assert (day["trades"], day["wins"], day["pnl"]) == (2, 1, pytest.approx(1.38))
    assert (day["live_trades"], day["live_wins"], day["live_pnl"]) == (1, 0, -1.0)


def test_the_exact_decimals_are_kept_in_the_event(journal: Journal) -> None:
    record_trade_events(journal, [event(price=Decimal("0.1000000000000000000001"))], NOON)
    (row,) = journal.query("SELECT payload FROM trade_events")
    assert json.loads(row["payload"])["price"] == "0.1000000000000000000001"


STATES = [
    event(event_id="s1", sequence=1, status=OrderStatus.OPEN, filled_at=None),
    event(event_id="s2", sequence=2, status=OrderStatus.PARTIALLY_FILLED, amount=Decimal("0.5")),
    event(event_id="s3", sequence=3, status=OrderStatus.FILLED),
]


@settings(max_examples=25, deadline=None)
@given(deliveries=st.lists(st.sampled_from(STATES), max_size=6), order=st.permutations(STATES))
def test_events_repeated_and_out_of_order_leave_the_newest_state_once(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[TradeEvent], order: list[TradeEvent]
) -> None:
    with Journal.open(tmp_path_factory.mktemp("log") / "signals.sqlite") as journal:
        for delivered in [*deliveries, *order, *deliveries]:
            record_trade_events(journal, [delivered], NOON)
        rows = journal.query("SELECT status, amount, sequence FROM hummingbot_trades")
        assert rows == [{"status": "FILLED", "amount": 1.0, "sequence": 3}]
        assert journal.query("SELECT count(*) AS n FROM trade_events") == [{"n": 3}]


def test_a_batch_is_stored_whole_or_not_at_all(journal: Journal) -> None:
    bad = replace(closing(), mode="imaginary")
    with pytest.raises(JournalError):
        record_trade_events(journal, [event(), bad], NOON)
    assert journal.query("SELECT * FROM trade_events") == []
    assert journal.query("SELECT * FROM hummingbot_trades") == []


def test_what_was_committed_survives_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "signals.sqlite"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from datetime import UTC, datetime\n"
        "from signal_server.journal.health import Metric, record_metrics\n"
        "from signal_server.journal.journal import Journal\n"
        "journal = Journal.open(Path(sys.argv[1]))\n"
        "record_metrics(journal, [Metric('kept', 1.0, 's', datetime.now(UTC))])\n"
        "with journal.transaction():\n"
        "    journal.execute('DELETE FROM health_metrics')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(path)], check=False, timeout=60
    )
    with Journal.open(path) as journal:
        assert [metric["name"] for metric in newest_metrics(journal)] == ["kept"]


def test_the_newest_measurement_of_each_name_is_found(journal: Journal) -> None:
    record_metrics(
        journal, [Metric("delay", 1.0, "s", NOON), Metric("reconnects", 2.0, "count", NOON)]
    )
    record_metrics(journal, [Metric("delay", 3.0, "s", NOON + timedelta(seconds=1))])
    assert [(row["name"], row["value"]) for row in newest_metrics(journal)] == [
        ("delay", 3.0),
        ("reconnects", 2.0),
    ]


def test_two_connections_write_without_losing_a_row(journal: Journal) -> None:
    with Journal.open(journal.path) as other:
        for number in range(10):
            record_metrics(journal if number % 2 else other, [Metric("n", number, "1", NOON)])
    with sqlite3.connect(journal.path) as plain:
        assert plain.execute("SELECT count(*) FROM health_metrics").fetchone() == (10,)
