from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from signal_server.journal.evidence import live_accuracy, live_calls, live_outcomes
from signal_server.journal.journal import Journal
from signal_server.journal.predictions import (
    newest_id,
    record_prediction,
    record_predictions,
    record_shadows,
    signals_after,
    valid_signals,
)
from tests.signal_server.journal.records import NOON, prediction

MODEL = ("direction-2h", "v1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "signals.sqlite") as opened:
        yield opened


def know(journal: Journal, table: str = "ml_predictions", correct: str = "id % 2") -> None:
    journal.execute(f"UPDATE {table} SET correct = {correct}, actual_move = 0")  # noqa: S608


def test_predictions_of_one_moment_are_numbered_in_order_or_left_out(journal: Journal) -> None:
    record_prediction(journal, prediction(symbol="ETH-USD"))
    made = record_predictions(
        journal, [prediction(symbol=name) for name in ("BTC-USD", "ETH-USD", "SOL-USD")]
    )
    assert [one and one.symbol for one in made] == ["BTC-USD", None, "SOL-USD"]
    assert 1 < made[0].id < made[2].id == newest_id(journal)


def test_predictions_of_one_moment_are_stored_all_or_none(journal: Journal) -> None:
    broken = prediction(symbol="SOL-USD", confidence=None)
    with pytest.raises(Exception, match="NOT NULL"):
        record_predictions(journal, [prediction(), broken])
    assert newest_id(journal) == 0


def test_a_shadow_is_never_replayed_and_takes_no_id(journal: Journal) -> None:
    record_shadows(journal, [prediction(model_version="v2")] * 2)
    assert len(journal.query("SELECT id FROM shadow_predictions")) == 1
    assert list(signals_after(journal, 0, 10)) == valid_signals(journal, NOON) == []
    assert newest_id(journal) == 0


def test_accuracy_counts_published_and_shadow_calls_alike(journal: Journal) -> None:
    early = [prediction(bar_close=NOON - timedelta(minutes=n)) for n in range(1, 4)]
    record_shadows(journal, early)
    record_prediction(journal, prediction())
    know(journal, "shadow_predictions", "0")
    know(journal, correct="1")
    assert live_accuracy(journal, [MODEL], 10) == (4, 0.25)
    assert live_accuracy(journal, [MODEL], 2) == (2, 0.5)
    assert live_accuracy(journal, [("direction-2h", "v2")], 2) == (0, None)


def test_the_outcomes_of_several_models_are_the_newest_of_all(journal: Journal) -> None:
    for minute in range(6):
        moment = NOON + timedelta(minutes=minute)
        version = f"v{1 + minute % 2}"
        record_predictions(journal, [prediction(bar_close=moment, model_version=version)])
    know(journal)
    know(journal, correct="model_version = 'v2'")
    both = [MODEL, ("direction-2h", "v2")]
    assert live_accuracy(journal, both, 6) == (6, 0.5)
    assert live_accuracy(journal, both, 1) == (1, 1.0)
    assert live_accuracy(journal, both, 2) == (2, 0.5)
    assert len(live_outcomes(journal, both, newest=3, bar_seconds=7200).correct) == 3


def test_outcomes_do_not_overlap_within_a_symbol(journal: Journal) -> None:
    for minute in range(12):
        moment = NOON + timedelta(minutes=minute)
        record_predictions(
            journal, [prediction(symbol=name, bar_close=moment) for name in ("A-USD", "B-USD")]
        )
    know(journal)
    found = live_outcomes(journal, [MODEL], newest=100, bar_seconds=60)
    assert len(found.correct) == 2 * 12 * 60 // 120
    assert len(live_outcomes(journal, [MODEL], newest=5, bar_seconds=60).correct) == 5


def test_calls_are_chosen_evenly_from_all_symbols(journal: Journal) -> None:
    names = [f"S{number}-USD" for number in range(20)]
    for minute in range(50):
        moment = NOON + timedelta(minutes=minute)
        record_predictions(journal, [prediction(symbol=n, bar_close=moment) for n in names])
    calls = live_calls(journal, MODEL, NOON - timedelta(hours=1), limit=200)
    assert 150 < len(calls.confidence) == len(calls.features) < 250
    assert calls.features["rsi_14"].eq(55.0).all()
    assert np.isnan(calls.features["gap"]).all()
    assert len(live_calls(journal, MODEL, NOON + timedelta(minutes=39), 999).confidence) == 200


def test_nothing_is_claimed_of_a_version_that_never_predicted(journal: Journal) -> None:
    calls = live_calls(journal, MODEL, NOON, 10)
    assert len(calls.confidence) == len(calls.features) == 0
    assert len(live_outcomes(journal, [MODEL], 10, 60).correct) == 0
