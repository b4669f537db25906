"""Kill points by seed: rounds on fresh sites, kept in a file so that a run can go on later."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from market_sim.trials.bot import BotFailedError
from market_sim.trials.killing import Point, Round
from market_sim.trials.phases import Phase
from market_sim.trials.prices import coins
from market_sim.trials.script import COINS, TIME_LIMIT_S, script_of
from market_sim.trials.site import Plan, running_site

GIVE_UP = 3
"""So many rounds that did not end, and no more are tried."""


@dataclass(slots=True)
class Rounds:
    """The rounds of a seed that are done, by number; `broken` ones say why they did not end."""

    seed: int
    points: dict[int, list[Point]] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)
    starts_s: list[float] = field(default_factory=list)

    @property
    def all(self) -> list[Point]:
        """All points, in the order of the rounds."""
        return [point for number in sorted(self.points) for point in self.points[number]]

    @property
    def passed(self) -> bool:
        """Whether every round ended and no point has a problem."""
        return not self.broken and not any(point.problems for point in self.all)

    @classmethod
    def read(cls, path: Path, seed: int) -> "Rounds":
        """Read what an earlier run with this seed has written; nothing if there is none."""
        if not path.exists():
            return cls(seed)
        written: dict[str, Any] = json.loads(path.read_text())
        if written["seed"] != seed:
            return cls(seed)
        points = {
            int(number): [_point(each) for each in points]
            for number, points in written["points"].items()
        }
        return cls(seed, points, starts_s=written.get("starts_s", []))

    def write(self, path: Path) -> None:
        """Replace the file in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        points = {number: [asdict(p) for p in points] for number, points in self.points.items()}
        record = {"seed": self.seed, "points": points, "broken": self.broken}
        text = json.dumps(record | {"starts_s": self.starts_s}, indent=1)
        partial = path.with_suffix(".json.tmp")
        partial.write_text(text + "\n")
        partial.replace(path)

    def table(self) -> Table:
        """Return the points of each phase and how many of them failed."""
        failed = sum(bool(point.problems) for point in self.all)
        title = f"{len(self.all)} kill points in {len(self.points)} rounds, {failed} failed"
        if self.starts_s:
            title += (
                f"; a start took {median(self.starts_s):.0f} s, {max(self.starts_s):.0f} at most"
            )
        table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("killed while the position was")
        table.add_column("points", justify="right")
        table.add_column("failed", justify="right")
        for phase in Phase:
            mine = [point for point in self.all if point.phase is phase]
            bad = sum(bool(point.problems) for point in mine)
            table.add_row(phase.value, str(len(mine)), str(bad))
        return table


async def run_rounds(
    done: Rounds, wanted: int, jobs: int, report: Callable[[int, Sequence[Point]], None]
) -> None:
    """Play rounds until there are `wanted` points; `report` is told of each."""
    numbers = iter(number for number in range(wanted) if number not in done.points)

    async def work() -> None:
        while len(done.all) < wanted and len(done.broken) < GIVE_UP:
            number = next(numbers)
            try:
                done.points[number], starts_s = await play(done.seed, number)
                done.starts_s += starts_s
            except (TimeoutError, OSError, BotFailedError) as error:
                done.broken[number] = str(error)
            report(number, done.points.get(number, []))

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(work())


async def play(
    seed: int, number: int, count: int = COINS, time_limit_s: int = TIME_LIMIT_S
) -> tuple[list[Point], list[float]]:
    """Play one round with so many coins on a site of its own; return also how long starts took."""
    symbols = coins(count + 1)  # the last one shows that the bot is ready
    script = replace(script_of(seed, number, symbols[:-1]), time_limit_s=time_limit_s)
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        async with running_site(Plan("live", symbols, script.settings, seed), folder) as site:
            played = Round(site, script, number)
            return await played.run(), played.starts_s
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _point(written: dict[str, Any]) -> Point:
    return Point(
        round=written["round"],
        kill=written["kill"],
        symbol=written["symbol"],
        phase=Phase(written["phase"]),
        problems=tuple(written["problems"]),
    )
