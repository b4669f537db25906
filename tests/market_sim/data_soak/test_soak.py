"""A soak of seconds: a storm, deaths, and every bar as it was."""

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from market_sim.data_soak.report import data_report
from market_sim.data_soak.soak import DataWish, soak_data

WISH = DataWish(
    minutes=0.2,
    seed=5,
    symbols=5,
    storm_every_s=0.6,
    pause_s=4.0,
    speed=10.0,
    history_bars=100,
    hasty=True,
    least_faults=20,
)


async def test_nothing_is_lost_doubled_or_changed(tmp_path: Path) -> None:
    said: list[str] = []
    result = await soak_data(WISH, said.append)
    assert result.problems == []
    assert result.counts["lives"] > 1
    assert result.counts["bars in the store"] > 5 * (100 + 100)
    assert sum(result.faults.values()) >= WISH.least_faults
    path = tmp_path / "reports" / "data.json"
    report = data_report(result)
    report.write(path)
    assert json.loads(path.read_text())["problems"] == []
    console = Console(width=120, record=True, file=StringIO())
    console.print(report.table())
    assert "every bar agrees" in console.export_text()
