from datetime import timedelta
from pathlib import Path

from signal_server.journal.journal import Journal
from signal_server.journal.predictions import record_prediction
from signal_server.serving.model_health import Drift, HealthWatch
from tests.signal_server.journal.records import NOON, prediction
from tests.signal_server.serving.world import model


def logged(path: Path, outcomes: list[bool | None], version: str = "v1") -> Journal:
    journal = Journal.open(path / "log.sqlite")
    for number, correct in enumerate(outcomes):
        bar_close = NOON + timedelta(minutes=number)
        record_prediction(journal, prediction(bar_close=bar_close, model_version=version))
        journal.execute(
            "UPDATE ml_predictions SET correct = ?, actual_move = 0 WHERE bar_close = ?"
            " AND model_version = ?",
            (correct, bar_close.isoformat(timespec="microseconds"), version),
        )
    return journal


def test_without_a_known_outcome_nothing_is_claimed(tmp_path: Path) -> None:
    with logged(tmp_path, [None, None]) as journal:
        health = HealthWatch(journal, model, newest=3)()
    assert (health.known_outcomes, health.accuracy, health.drift) == (0, 0.0, Drift())


def test_accuracy_is_that_of_the_newest_known_outcomes(tmp_path: Path) -> None:
    with logged(tmp_path, [False, False, True, None, True, False, None]) as journal:
        health = HealthWatch(journal, model, newest=3)()
    assert (health.known_outcomes, round(health.accuracy, 3)) == (3, 0.667)


def test_another_version_does_not_count(tmp_path: Path) -> None:
    logged(tmp_path, [True, True], version="v0").close()
    with logged(tmp_path, [False]) as journal:
        health = HealthWatch(journal, model, newest=10)()
    assert (health.known_outcomes, health.accuracy) == (1, 0.0)


def test_a_drift_monitor_is_asked_each_time(tmp_path: Path) -> None:
    says = [Drift(), Drift(halt=True, reason="PSI of rsi_14 is 0.4")]
    with logged(tmp_path, [True]) as journal:
        watch = HealthWatch(journal, model, 10, drift=lambda: says.pop(0))
        assert [watch().drift.halt, watch().drift.reason] == [False, "PSI of rsi_14 is 0.4"]


def test_the_newest_outcomes_are_found_by_their_index(tmp_path: Path) -> None:
    with logged(tmp_path, [True]) as journal:
        plan = journal.query(
            "EXPLAIN QUERY PLAN SELECT correct FROM ml_predictions WHERE model_id = 'a'"
            " AND model_version = 'b' AND correct IS NOT NULL ORDER BY id DESC LIMIT 9"
        )
    assert "outcomes_by_model" in plan[0]["detail"]
