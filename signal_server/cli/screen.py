"""The terminal: one console, progress bars, and tables that keep their columns when piped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PIPED_WIDTH = 200


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; one that is no terminal is wide, so that no column is cut."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPED_WIDTH)
    return console


@contextmanager
def progress_bars() -> Iterator[Callable[[str, float], None]]:
    """Show one bar for every stage that is reported; yields `report(stage, share)`.

    `share` is the part of the stage that is done, 0 to 1.
    """
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    progress = Progress(*columns, console=make_console(stderr=True))

    def report(stage: str, share: float) -> None:
        # Started by the first report: bars without a stage would print an empty line.
        progress.start()
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=1.0)
        progress.update(tasks[stage], completed=min(share, 1.0))

    try:
        yield report
    finally:
        if tasks:
            progress.stop()


@contextmanager
def counting_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show one bar of steps, how long one takes and how long are left; yields `report`.

    `report(done, total)` says how many steps are done.
    """
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=make_console(stderr=True), speed_estimate_period=300) as bar:
        task = bar.add_task(what, total=None, pace="")

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            speed = bar.tasks[0].speed
            bar.update(task, pace=f"{1 / speed:.1f} s each" if speed else "")

        yield report


def signed(value: float | Decimal | None, places: int = 2) -> str:
    """Return a gain or loss with its sign, green or red; empty if unknown."""
    if value is None:
        return ""
    text = f"{value:+,.{places}f}"
    return text if value == 0 else f"[{'red' if value < 0 else 'green'}]{text}[/]"


def priced(value: float | Decimal | None) -> str:
    """Return a price or size with six significant digits at least; empty if unknown."""
    if value is None:
        return ""
    number = float(value)
    return f"{number:,.2f}" if abs(number) >= 1000 else f"{number:.6g}"
