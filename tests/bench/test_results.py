"""The file of results says what was measured, on what, beside which floor."""

import json
from pathlib import Path

from bench.__main__ import SUBJECTS, write
from bench.result import Result, interleaved_ms


def test_a_result_names_its_floor_data_and_command(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write(path, [Result("figure", 1.0, "ms", 0.5, "bare loop", "100 bars")])
    content = json.loads(path.read_text())
    (row,) = content["results"]
    assert set(row) == {"name", "value", "unit", "floor", "floor_name", "data", "command"}
    assert content["machine"]["cores"] > 0
    assert "xgboost" in content["machine"]["packages"]


def test_both_pieces_of_work_run_equally_often() -> None:
    counts = {"ours": 0, "other": 0}

    def count(name: str) -> None:
        counts[name] += 1

    interleaved_ms(lambda: count("ours"), lambda: count("other"), 3)
    assert counts == {"ours": 4, "other": 4}


def test_every_subject_can_be_measured_alone() -> None:
    assert set(SUBJECTS) == {
        "features",
        "store",
        "quality",
        "history",
        "flat_files",
        "live",
        "dataset",
        "training",
        "walkforward",
        "serving",
        "script",
        "recovery",
    }
