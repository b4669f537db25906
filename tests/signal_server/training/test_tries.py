"""Every run is counted once for what it tried, whatever happens to the process."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from signal_server.core.errors import ModelError
from signal_server.training.tries import Tried, Try, count_runs, note_try

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def _note(folder: Path, digest: str, profile: str = "quick", command: str = "train") -> None:
    note_try(folder, profile, Try(command, NOON, digest))


def test_runs_of_the_same_count_once(tmp_path: Path) -> None:
    assert count_runs(tmp_path, "quick") == 0
    for digest, command in (("a", "train"), ("a", "walk-forward"), ("b", "train"), ("a", "train")):
        _note(tmp_path / "tuning", digest, command=command)
    assert count_runs(tmp_path / "tuning", "quick") == 2
    assert count_runs(tmp_path / "tuning", "other") == 0


def test_a_line_that_was_never_finished_costs_itself_alone(tmp_path: Path) -> None:
    _note(tmp_path, "a")
    with (tmp_path / "quick.tries.jsonl").open("a") as file:
        file.write('{"at": "2025-01-01T12:00')
    _note(tmp_path, "b")
    assert count_runs(tmp_path, "quick") == 2


def test_a_log_that_cannot_be_written_stops_the_run_in_words(tmp_path: Path) -> None:
    (tmp_path / "tuning").write_text("a file")
    with pytest.raises(ModelError, match="no model is tried uncounted"):
        _note(tmp_path / "tuning", "a")


def test_the_sum_says_where_it_comes_from() -> None:
    found = Tried(prior=25, tuned=40, runs=3)
    assert found.total == 68
    assert str(found) == "25 said by training.prior_trials, 40 tuned, 3 run"
