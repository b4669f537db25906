"""The fault matrix as a table, live while it runs, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from market_sim.trials.row import Row
from market_sim.trials.trial import Outcome

MODES = ("paper", "live")
NEWEST = 12
NONE = "\N{EN DASH}"


def progress_table(outcomes: Sequence[Outcome], total: int) -> Table:
    """Return the newest cells and how many are done."""
    failed = sum(not outcome.passed for outcome in outcomes)
    table = _table(f"{len(outcomes)} of {total} cells, {failed} failed")
    for outcome in outcomes[-NEWEST:]:
        table.add_row(outcome.row, outcome.mode, *_line(outcome))
    return table


def matrix_table(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> Table:
    """Return the whole matrix; a cell that cannot exist is a dash with the number of its reason."""
    found = {(outcome.row, outcome.mode): outcome for outcome in outcomes}
    failed = sum(not outcome.passed for outcome in outcomes)
    table = _table(f"{len(outcomes)} cells, {failed} failed")
    reasons = _reasons(rows)
    for row in rows:
        known = [mode for mode in MODES if (row.name, mode) in found]
        dashes = [
            f"{mode} {NONE} ({reasons.index(why) + 1})"
            for mode in MODES
            if (why := row.impossible(mode))
        ]
        for number, mode in enumerate(known):
            name = "" if number else row.name
            table.add_row(name, "\n".join([mode, *dashes]), *_line(found[row.name, mode]))
        if dashes and not known:
            table.add_row(row.name, "\n".join(dashes))
    table.caption = "\n".join(f"({n}) {why}" for n, why in enumerate(reasons, start=1))
    table.caption_justify = "left"
    return table


def _reasons(rows: Sequence[Row]) -> list[str]:
    found = [row.impossible(mode) for row in rows for mode in MODES]
    return list(dict.fromkeys(filter(None, found)))


def write_outcomes(path: Path, rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Write every cell to a JSON file in one step, and the logs of failed ones beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    impossible = [
        {"row": row.name, "mode": mode, "impossible": why}
        for row in rows
        for mode in MODES
        if (why := row.impossible(mode))
    ]
    cells = [_json(outcome) for outcome in outcomes]
    partial = path.with_suffix(".json.tmp")
    partial.write_text(json.dumps({"cells": cells, "impossible": impossible}, indent=1) + "\n")
    partial.replace(path)
    for outcome in outcomes:
        if outcome.log:
            name = "".join(c if c.isalnum() else "-" for c in f"{outcome.mode} {outcome.row}")
            path.with_name(f"{path.stem}-{name}.log").write_text(
                "\n".join([*outcome.problems, outcome.log])
            )


def _table(title: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    for name in ("fault", "mode", "outcome"):
        table.add_column(name)
    for name in ("buy/sell", "left", "PnL", "true", "exit s"):
        table.add_column(name, justify="right")
    table.add_column("what is wrong", overflow="fold")
    return table


def _line(outcome: Outcome) -> tuple[str, ...]:
    verdict = "[green]ok[/]" if outcome.passed else "[red]FAILS[/]"
    reason = outcome.reason or "not entered"
    return (
        f"{verdict} {reason}",
        f"{outcome.buys}/{outcome.sells}",
        f"{outcome.left.normalize():f}",
        NONE if outcome.said_pnl is None else f"{outcome.said_pnl:.5f}",
        f"{outcome.true_pnl:.5f}",
        NONE if outcome.exit_s is None else f"{outcome.exit_s:.1f}",
        "; ".join(outcome.problems),
    )


def _json(outcome: Outcome) -> dict[str, Any]:
    fields = asdict(outcome)
    del fields["log"]
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in fields.items()
    }
