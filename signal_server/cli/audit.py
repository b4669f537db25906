"""`signal-server audit`: the hunt for leaks on the way from bars to a model."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from signal_server.audit.markets import Market
    from signal_server.audit.subject import Subject
    from signal_server.core.audits import AuditResult

SYMBOLS = 3
"""How many symbols are audited besides the leaders, unless they are named."""

SHOWN_FINDINGS = 5


@click.command(name="audit")
@click.option("--profile", help="Profile of the settings; serving.profile by default.")
@click.option(
    "--symbols", type=SymbolList(), help="Symbols to audit with; a few stored by default."
)
@click.option("--start", type=Moment(), help="Use bars after this moment only.")
@click.option("--end", type=Moment(), help="Use bars up to this moment only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_session
def command(
    session: Session,
    profile: str | None,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Hunt for leaks in features, labels, parts and fit of a profile; exit with 1 on a finding.

    Reads the oldest 50,000 bars that the symbols share, and made bars whose truth is known; made
    ones alone when nothing is stored. The result is kept in data/audit, where it decides whether
    a model with these features and this label may be used.
    """
    from signal_server.audit.run import audit
    from signal_server.audit.subject import subject_of
    from signal_server.cli.screen import progress_bars
    from signal_server.core.clock import utc_now
    from signal_server.core.errors import AuditError
    from signal_server.training.train import TrainingSpec

    settings = session.settings
    name = profile or settings.serving.profile
    subject = subject_of(
        TrainingSpec(name, session.profile(name), settings.training_of(name), settings.bar_seconds)
    )
    market = _market(session, subject, symbols, (start, end))
    with progress_bars() as report:
        result = audit(subject, market, utc_now, report)
    _keep_and_show(settings.audit_dir, result, as_json=as_json)
    if result.findings:
        raise AuditError(_sentence(result))


def _keep_and_show(folder: "Path", result: "AuditResult", *, as_json: bool) -> None:
    from signal_server.cli.screen import make_console
    from signal_server.core.audits import audit_to_json, write_audit

    console = make_console()
    try:
        path = write_audit(folder, result)
    finally:  # A full disk takes nothing away from what was found.
        if as_json:
            click.echo(audit_to_json(result))
        else:
            console.print(_table(result))
    if not as_json:
        console.print(f"The result is in {path}.")


def _market(
    session: Session,
    subject: "Subject",
    symbols: tuple[str, ...] | None,
    period: tuple[datetime | None, datetime | None],
) -> "Market":
    from signal_server.audit.markets import random_walk, stretch_of
    from signal_server.core.errors import NoHistoryError
    from signal_server.market.stored import check_period

    check_period(period)
    store = open_store(session.settings)
    stored = store.symbols()
    if not stored and not symbols:
        return random_walk(subject)
    others = symbols or tuple(one for one in stored if one not in subject.leaders)[:SYMBOLS]
    wanted = tuple(dict.fromkeys((*subject.leaders, *others))) or stored
    frames = {symbol: store.read(symbol, *period) for symbol in wanted}
    missing = [symbol for symbol, frame in frames.items() if frame.empty]
    if missing:
        where = " in that period" if any(period) else ""
        raise NoHistoryError(
            f"no bars of {', '.join(missing)} to audit{where}; "
            "fetch them with `signal-server backfill`"
        )
    return stretch_of(frames, subject)


def _table(result: "AuditResult") -> "Table":
    from rich.table import Table

    table = Table(title=f"Audit of {result.profile} on {result.market}")
    for name in ("", "check", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    table.add_column("what it proves, or what it found", overflow="fold")
    for check in result.checks:
        mark = "[green]clean[/]" if check.passed else "[red]found[/]"
        shown = [*check.findings[:SHOWN_FINDINGS]]
        if len(check.findings) > SHOWN_FINDINGS:
            shown.append(f"and {len(check.findings) - SHOWN_FINDINGS} more; see --json")
        text = "\n".join(shown) or check.proves
        table.add_row(mark, check.name, f"{check.seconds:.1f}", text)
    return table


def _sentence(result: "AuditResult") -> str:
    failed = ", ".join(check.name for check in result.checks if not check.passed)
    return (
        f"{len(result.findings)} findings by {failed}; "
        "mend what they name before you trust a model of this profile"
    )
