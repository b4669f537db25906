"""The file of results says what was measured, on what, beside which floor."""

import json
from pathlib import Path

from bench.__main__ import SUBJECTS, write
from bench.result import Result, interleaved_ms


def test_a_result_names_its_floor_data_and_command(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write(path, {"store": [Result("figure", 1.0, "ms", 0.5, "bare loop", "100 bars")]})
    content = json.loads(path.read_text())
    (row,) = content["results"]
    assert {"name", "value", "unit", "floor", "floor_name", "data", "command"} < set(row)
    assert (row["subject"], row["measured_at"][:2]) == ("store", "20")
    assert content["machine"]["cores"] > 0
    assert "xgboost" in content["machine"]["packages"]


def test_a_subject_measured_again_replaces_its_own_figures_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for subject, value in (("store", 1.0), ("live", 2.0), ("store", 3.0)):
        write(path, {subject: [Result("figure", value, "ms", 0.5, "bare loop", "100 bars")]})
    rows = json.loads(path.read_text())["results"]
    assert {row["subject"]: row["value"] for row in rows} == {"live": 2.0, "store": 3.0}
    assert len(rows) == 2


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
