from pathlib import Path

from market_sim.faults import FaultName
from market_sim.trials.matrix import cells_of
from market_sim.trials.report import MODES, matrix_table, write_outcomes
from market_sim.trials.row import Row
from market_sim.trials.rows import ROWS
from market_sim.trials.trial import Outcome


def test_every_row_has_a_name_of_its_own() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))


def test_every_fault_of_kraken_is_in_the_matrix() -> None:
    used = {blow.name for row in ROWS for blow in row.blows}
    kraken = {name for name in FaultName if name.startswith("kraken_")}
    assert kraken - used == set()


def test_a_cell_exists_or_the_reason_is_told() -> None:
    cells = {(cell.row.name, cell.mode) for cell in cells_of(ROWS, MODES)}
    for row in ROWS:
        for mode in MODES:
            assert ((row.name, mode) in cells) is not bool(row.impossible(mode))


def test_rows_that_can_share_a_bot_come_together() -> None:
    rows = [Row("a"), Row("b", settings={"time_limit_s": 9}), Row("c")]
    plans = [cell.plan for cell in cells_of(rows, ("live",))]
    assert plans[1] == plans[2]


def test_the_matrix_shows_failures_and_reasons() -> None:
    rows = (Row("a"), Row("b", no_paper="there is none"))
    outcomes = [Outcome("a", "live"), Outcome("b", "live", problems=("sold twice",))]
    table = matrix_table(rows, outcomes)
    assert list(table.columns[-1].cells) == ["", "sold twice"]
    assert "paper \N{EN DASH} (1)" in list(table.columns[1].cells)[1]
    assert table.caption == "(1) there is none"


def test_outcomes_are_written_with_the_logs_of_failures(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    write_outcomes(path, [Row("a")], [Outcome("a", "live", problems=("x",), log="the log")])
    assert '"problems": [' in path.read_text()
    assert "the log" in (tmp_path / "faults-live-a.log").read_text()
