"""Run the fault matrix: several sites side by side, each for many cells one after another."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from market_sim.trials.bot import BotFailedError
from market_sim.trials.prices import coins
from market_sim.trials.row import Row
from market_sim.trials.site import Plan, Site, running_site
from market_sim.trials.trial import Outcome, Trial

COINS = 12
"""Cells that a site can take: each needs a coin of its own."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A row in one mode."""

    row: Row
    mode: str

    @property
    def plan(self) -> Plan:
        """The site that it needs."""
        return Plan(self.mode, coins(COINS), self.row.settings)


def cells_of(rows: Sequence[Row], modes: Sequence[str]) -> list[Cell]:
    """Return the cells that can exist, those that can share a site next to each other."""
    cells = [Cell(row, mode) for mode in modes for row in rows if not row.impossible(mode)]
    return sorted(cells, key=lambda cell: (sorted(cell.row.settings), cell.mode), reverse=True)


async def run_matrix(
    cells: Sequence[Cell], jobs: int, report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run all cells, so many sites at a time; `report` is told of each."""
    left, outcomes = list(cells), list[Outcome]()

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        report(outcome)

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(_work(left, done))
    return outcomes


async def _work(left: list[Cell], done: Callable[[Outcome], None]) -> None:
    while left:
        folder = Path(tempfile.mkdtemp(prefix="trial-"))
        try:
            await _use_site(left, folder, done)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _use_site(left: list[Cell], folder: Path, done: Callable[[Outcome], None]) -> None:
    """Run cells on one site until its coins are used up, or one cell fails."""
    cell: Cell | None = left.pop(0)
    assert cell is not None  # noqa: S101 - for the type only
    plan, symbols = cell.plan, list(cell.plan.symbols)
    async with AsyncExitStack() as stack:
        try:
            site = await stack.enter_async_context(running_site(plan, folder))
            await site.start_bot()
        except (TimeoutError, BotFailedError) as error:
            words = str(error)
            done(Outcome(cell.row.name, cell.mode, problems=(words.splitlines()[0],), log=words))
            return
        while cell is not None:
            outcome = await Trial(site, cell.row, symbols.pop(0)).run()
            done(outcome)
            cell = _next(left, plan) if outcome.passed and symbols else None
            if cell is not None and not await _usable(site):
                left.insert(0, cell)
                return


def _next(left: list[Cell], plan: Plan) -> Cell | None:
    for cell in left:
        if cell.plan == plan:
            left.remove(cell)
            return cell
    return None


async def _usable(site: Site) -> bool:
    """Give the site a moment between two cells; tell whether its bot runs."""
    await asyncio.sleep(1)
    return site.bot.pid is not None
