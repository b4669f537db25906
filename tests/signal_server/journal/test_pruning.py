"""Old predictions leave the log; what trades, days and accuracy rest on does not."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from signal_server.journal import pruning
from signal_server.journal.evidence import live_accuracy, live_outcomes
from signal_server.journal.health import Metric, record_metrics
from signal_server.journal.journal import Journal
from signal_server.journal.performance import read_days, refresh_days
from signal_server.journal.predictions import (
    newest_id,
    record_prediction,
    record_predictions,
    record_shadows,
)
from signal_server.journal.pruning import Pruning
from signal_server.journal.trades import record_trade_events
from tests.signal_server.journal.records import NOON, event, prediction

MODEL = ("direction-2h", "v1")
KEEP = timedelta(days=1)
DAYS = 3
HORIZON_S = 3600


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "signals.sqlite") as opened:
        yield opened


def make_pruning(keep: timedelta = KEEP) -> Pruning:
    return Pruning(keep, 60, rest=lambda _: None)


def fill(journal: Journal, start: int = 0, end: int = DAYS * 144) -> None:
    """Write a prediction every ten minutes, and what came of it."""
    for n in range(start, end):
        close = NOON + timedelta(minutes=10 * n)
        made = prediction(bar_close=close, issued_at=close, horizon_s=HORIZON_S)
        record_predictions(journal, [made])
        record_shadows(journal, [made])
        record_metrics(journal, [Metric("bars", 1.0, "count", close)])
    for table in ("ml_predictions", "shadow_predictions"):
        journal.execute(f"UPDATE {table} SET actual_move = 0, correct = id % 2")  # noqa: S608


def count(journal: Journal, table: str) -> int:
    return int(journal.query(f"SELECT count(*) AS rows FROM {table}")[0]["rows"])  # noqa: S608


def test_of_the_old_only_what_accuracy_counts_stays(journal: Journal) -> None:
    fill(journal)
    before = live_outcomes(journal, [MODEL], 1000, 60)
    make_pruning().run(journal)
    cutoff = NOON + timedelta(minutes=10 * (DAYS * 144 - 1)) - KEEP
    old = journal.query(
        "SELECT bar_close FROM ml_predictions WHERE bar_close < ?", (cutoff.isoformat(" "),)
    )
    assert {row["bar_close"][14:16] for row in old} <= {"00"}
    kept_old, young = (DAYS - 1) * 24, 144
    assert count(journal, "ml_predictions") == pytest.approx(kept_old + young, abs=7)
    assert count(journal, "shadow_predictions") == count(journal, "ml_predictions")
    assert count(journal, "ml_features") == pytest.approx(young, abs=7)
    assert count(journal, "health_metrics") == pytest.approx(young, abs=1)
    after = live_outcomes(journal, [MODEL], 1000, 60)
    assert after.correct.tolist() == before.correct.tolist()
    assert live_accuracy(journal, [MODEL], 100) == (100, 0.5)


def test_what_was_traded_stays_with_its_features(journal: Journal) -> None:
    fill(journal)
    record_trade_events(journal, [event(signal_id=2)], NOON)
    make_pruning().run(journal)
    assert journal.query("SELECT id FROM ml_predictions WHERE id < 5") == [{"id": 1}, {"id": 2}]
    kept = journal.query("SELECT prediction_id AS id FROM ml_features WHERE prediction_id < 5")
    assert kept == [{"id": 2}]
    assert count(journal, "hummingbot_trades") == count(journal, "trade_events") == 1


def test_the_days_keep_their_count(journal: Journal) -> None:
    fill(journal)
    days = [NOON.date() + timedelta(days=n) for n in range(DAYS + 1)]
    refresh_days(journal, days)
    before = read_days(journal)
    make_pruning().run(journal)
    refresh_days(journal, days)
    assert read_days(journal) == before
    assert before[1]["predictions"] == 144


def test_ids_are_never_used_again(journal: Journal) -> None:
    fill(journal, end=10)
    made = newest_id(journal)
    journal.execute("DELETE FROM ml_features")
    journal.execute("DELETE FROM ml_predictions")
    signal = record_prediction(journal, prediction())
    assert signal is not None
    assert signal.id == made + 1


def test_a_clock_or_a_server_that_stood_still_deletes_nothing(journal: Journal) -> None:
    fill(journal, end=100)
    assert make_pruning().run(journal) == 0
    assert make_pruning(timedelta(days=400)).run(journal) == 0
    assert count(journal, "ml_features") == 100


def test_it_goes_on_where_it_was_and_begins_anew_in_another_process(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "MAX_STEPS", 1)
    monkeypatch.setattr(pruning, "STEP_ROWS", 50)
    fill(journal)
    first = make_pruning()
    assert first.run(journal) > 0
    another = make_pruning()
    for _ in range(20):
        another.run(journal)
    assert count(journal, "ml_features") == pytest.approx(144, abs=7)


def test_the_file_stops_growing(tmp_path: Path) -> None:
    path = tmp_path / "signals.sqlite"
    sizes = []
    with Journal.open(path) as journal:
        keeper = make_pruning()
        for day in range(6):
            for n in range(144):
                close = NOON + timedelta(days=day, minutes=10 * n)
                made = prediction(bar_close=close, horizon_s=HORIZON_S)
                made.features.update({f"f{number}": 0.123456789 for number in range(60)})
                record_predictions(journal, [made])
            journal.execute("UPDATE ml_predictions SET actual_move = 0, correct = 1")
            keeper.run(journal)
            journal.query("PRAGMA wal_checkpoint(TRUNCATE)")
            sizes.append(path.stat().st_size)
    assert sizes[5] < 1.1 * sizes[2]


def test_a_signal_is_written_between_two_steps(journal: Journal) -> None:
    fill(journal)
    written: list[float] = []

    def sign(_: float) -> None:
        started = time.perf_counter()
        moment = NOON + timedelta(days=100, minutes=len(written))
        with Journal.open(journal.path) as other:
            record_predictions(other, [prediction(bar_close=moment)])
        written.append(time.perf_counter() - started)

    def rest(seconds: float) -> None:
        writer = threading.Thread(target=sign, args=(seconds,))
        writer.start()
        writer.join()

    Pruning(KEEP, 60, rest=rest).run(journal)
    assert len(written) > 3
