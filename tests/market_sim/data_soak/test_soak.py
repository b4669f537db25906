"""A soak of seconds: a storm, deaths, and every bar as it was."""

import json
from pathlib import Path

from rich.console import Console

from market_sim.data_soak.report import data_table, write_data
from market_sim.data_soak.soak import DataWish, soak_data

WISH = DataWish(
    minutes=0.35,
    seed=5,
    symbols=10,
    storm_every_s=0.6,
    pause_s=8.0,
    speed=10.0,
    history_bars=100,
    hasty=True,
)


async def test_nothing_is_lost_doubled_or_changed(tmp_path: Path) -> None:
    said: list[str] = []
    result = await soak_data(WISH, said.append)
    assert result.problems == []
    assert result.counts["lives"] > 1
    assert result.counts["bars in the store"] > 10 * (100 + 200)
    assert sum(result.faults.values()) > 100
    assert len(result.faults) > 20
    path = tmp_path / "reports" / "data.json"
    write_data(path, result)
    assert json.loads(path.read_text())["problems"] == []
    console = Console(width=120, record=True, file=(tmp_path / "table.txt").open("w"))
    console.print(data_table(result))
    assert "every bar agrees" in console.export_text()
