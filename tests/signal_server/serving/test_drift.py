from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.config import DriftConfig
from signal_server.journal.evidence import Calls, Outcomes
from signal_server.journal.journal import Journal
from signal_server.journal.predictions import record_predictions
from signal_server.serving.drift import (
    DriftMonitor,
    Watched,
    drift_report,
    performance_of,
    stability_of,
)
from signal_server.serving.model_health import Drift
from signal_server.training.reference import Distribution, Reference
from tests.signal_server.journal.records import NOON, prediction
from tests.signal_server.serving.world import HandClock

MODEL = ("direction-2h", "v1")
CONFIG = DriftConfig(min_rows=50, min_outcomes=40, max_outcomes=400)
RNG = np.random.default_rng(3)


def reference(**features: np.ndarray) -> Reference:
    described = {name: Distribution.of(values) for name, values in features.items()}
    confidence = Distribution.of(RNG.uniform(0.5, 0.7, 5000))
    return Reference(NOON, NOON, 5000, described, confidence)


def calls(confidence: np.ndarray, **features: np.ndarray) -> Calls:
    return Calls(pd.DataFrame(features), confidence)


def outcomes(right: int, wrong: int, confidence: float = 0.55) -> Outcomes:
    correct = np.array([1.0] * right + [0.0] * wrong)
    return Outcomes(np.full(len(correct), confidence), correct)


def log_of(path: Path, right: int, wrong: int, confidence: float = 0.55) -> Path:
    """Write a log whose calls came true so often; their horizons do not overlap."""
    log = path / "signals.sqlite"
    made = [
        prediction(bar_close=NOON - timedelta(seconds=120 * n), confidence=confidence)
        for n in range(right + wrong)
    ]
    with Journal.open(log) as journal:
        record_predictions(journal, made)
        journal.execute("UPDATE ml_predictions SET actual_move = 0, correct = id <= ?", (right,))
    return log


def report_of(log: Path, known: Reference | None = None):
    with Journal.open_existing(log) as journal:
        return drift_report(journal, Watched(MODEL, known, 60), CONFIG, NOON)


def test_rows_like_those_of_training_have_not_shifted() -> None:
    known = reference(rsi=RNG.normal(50, 10, 5000))
    found = stability_of(
        calls(RNG.uniform(0.5, 0.7, 2000), rsi=RNG.normal(50, 10, 2000)), known, min_rows=500
    )
    assert found.features["rsi"] < 0.05
    assert found.confidence is not None
    assert found.confidence < 0.05


def test_a_feature_that_moved_away_has_shifted_and_is_named() -> None:
    known = reference(rsi=RNG.normal(50, 10, 5000), gap=RNG.normal(0, 1, 5000))
    live = calls(
        RNG.uniform(0.6, 0.7, 1000), rsi=RNG.normal(70, 10, 1000), gap=RNG.normal(0, 1, 1000)
    )
    found = stability_of(live, known, min_rows=500)
    assert found.shifted(0.25) == ["rsi"]
    assert found.confidence is not None
    assert found.confidence > 0.25


def test_a_feature_that_went_missing_has_shifted() -> None:
    known = reference(rsi=RNG.normal(50, 10, 5000))
    live = calls(RNG.uniform(0.5, 0.7, 1000), rsi=np.full(1000, np.nan))
    assert stability_of(live, known, min_rows=500).shifted(0.25) == ["rsi"]


@pytest.mark.parametrize("rows", [0, 499])
def test_of_few_rows_no_shift_is_claimed(rows: int) -> None:
    known = reference(rsi=RNG.normal(50, 10, 5000))
    found = stability_of(calls(np.full(rows, 0.9), rsi=np.full(rows, 99.0)), known, min_rows=500)
    assert (found.rows, found.features, found.confidence) == (rows, {}, None)


@pytest.mark.parametrize(
    ("right", "wrong", "halt", "says"),
    [
        (60, 40, False, ""),
        (49, 51, False, "right in 49.0% of 100 calls, which is under 50%"),
        (44, 56, True, "right in 44.0% of 100 calls, which is under 45%"),
        (10, 29, False, ""),
    ],
)
def test_accuracy_warns_under_fifty_and_halts_under_forty_five_percent(
    tmp_path: Path, right: int, wrong: int, halt: bool, says: str
) -> None:
    assert report_of(log_of(tmp_path, right, wrong)).drift == Drift(halt, says)


@pytest.mark.parametrize(
    ("chance", "halt", "says"),
    [
        (0.38, False, "right in 35.0% of 100 calls, which is under 38%"),
        (0.34, False, ""),
        (0.41, True, "right in 35.0% of 100 calls, which is under 36%"),
    ],
)
def test_limits_of_more_classes_lie_as_far_from_what_one_class_gets(
    tmp_path: Path, chance: float, halt: bool, says: str
) -> None:
    with Journal.open_existing(log_of(tmp_path, 35, 65, confidence=0.36)) as journal:
        watched = Watched(MODEL, None, 60, chance=chance)
        assert drift_report(journal, watched, CONFIG, NOON).drift == Drift(halt, says)


def test_confidence_that_is_not_earned_is_a_warning(tmp_path: Path) -> None:
    drift = report_of(log_of(tmp_path, 55, 45, confidence=0.8)).drift
    assert drift == Drift(False, "confidence said 80.0%, right were 55.0%")


def test_shifted_inputs_warn_and_never_halt(tmp_path: Path) -> None:
    known = reference(rsi_14=RNG.normal(20, 1, 5000), gap=RNG.normal(0, 1, 5000))
    drift = report_of(log_of(tmp_path, 60, 40), known).drift
    assert not drift.halt
    assert "confidence has shifted" in drift.reason
    assert "2 of 2 features have shifted (PSI gap" in drift.reason


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.34, 1.0))
def test_performance_is_that_of_its_definitions(right: int, wrong: int, said: float) -> None:
    found = performance_of(outcomes(right, wrong, said))
    count = right + wrong
    assert found.outcomes == count
    if count:
        share = right / count
        assert found.accuracy == pytest.approx(share)
        assert found.brier == pytest.approx(share * (1 - said) ** 2 + (1 - share) * said**2)
        assert found.overconfidence == pytest.approx(said - share)
        assert np.isfinite(found.z)
    else:
        assert np.isnan([found.accuracy, found.calibration_error, found.brier]).all()


def test_the_monitor_says_what_it_found_of_the_model_that_is_asked_for(tmp_path: Path) -> None:
    log = log_of(tmp_path, 40, 60)
    monitor = DriftMonitor(log, lambda: Watched(MODEL, None, 60), CONFIG, HandClock(NOON))
    assert monitor.say(MODEL) == Drift()
    monitor.look()
    assert monitor.say(MODEL).halt
    assert monitor.say(("direction-2h", "v2")) == Drift()


def test_a_log_that_cannot_be_read_leaves_what_was_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_of(tmp_path, 40, 60)
    monitor = DriftMonitor(log, lambda: Watched(MODEL, None, 60), CONFIG, HandClock(NOON))
    monitor.look()
    log.unlink()
    monitor.look()
    assert monitor.say(MODEL).halt
    assert "drift cannot be told" in caplog.text
