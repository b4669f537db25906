"""History from flat files, for `backfill` and `import`: the choice, the screen and the result."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import click

from signal_server.core.clock import monotonic_s, utc_now
from signal_server.core.errors import ConfigError, IncompleteError, MarketDataError, StoppedError

if TYPE_CHECKING:
    from pathlib import Path

    from signal_server.core.config import Settings
    from signal_server.market.flat_files.choice import Choice
    from signal_server.market.flat_files.intake import FlatFileIntake, IntakeResult
    from signal_server.market.flat_files.plan import FlatFileRequest
    from signal_server.market.plan import BackfillRequest
    from signal_server.market.store import BarStore

_MICROSECOND = timedelta(microseconds=1)
_REASONS = 3


def prefer_flat_files(settings: Settings, store: BarStore, request: BackfillRequest) -> None:
    """Fetch whole days from flat files if that is sooner, and say why or why not.

    What goes wrong is said; REST brings what is missing then.
    """
    from signal_server.market.flat_files.choice import refusal_of

    keys = bool(settings.flat_files_access_key.get_secret_value())
    choice = refusal_of(settings.bar_seconds, keys)
    if choice is None:
        try:
            choice = _fetch_if_sooner(settings, store, request)
        except StoppedError:
            raise
        except MarketDataError as error:
            click.secho(f"flat files: {error}", fg="yellow", err=True)
            return
    if not choice.flat_files:
        click.echo(f"source: REST ({choice.reason})", err=True)


def fetch_flat_files(settings: Settings, store: BarStore, request: BackfillRequest) -> None:
    """Fetch whole days from flat files; raise `IncompleteError` if a day could not be had."""
    from signal_server.market.flat_files.day import BAR_SECONDS

    if settings.bar_seconds != BAR_SECONDS:
        raise ConfigError(f"flat files hold bars of {BAR_SECONDS} s alone; use --source rest")
    wanted = _whole_days(store, request)
    if wanted is None:
        click.echo("flat files hold whole days alone, and none of these is over and published")
        return
    _require_all(_run(_intake(settings, store), wanted, "flat files"))


def import_folder(store: BarStore, folder: Path, records: Path, symbol: str | None) -> None:
    """Import the flat files of a folder; `records` is where it is noted what was read.

    Raises `IncompleteError` if a file is damaged.
    """
    from signal_server.market.coverage import Source
    from signal_server.market.flat_files.day import BAR_SECONDS
    from signal_server.market.flat_files.folder import FlatFileFolder
    from signal_server.market.flat_files.intake import FlatFileIntake
    from signal_server.market.flat_files.ledger import Ledger
    from signal_server.market.flat_files.plan import FlatFileRequest

    if store.bar_seconds != BAR_SECONDS:
        raise ConfigError(f"{folder}: flat files hold minutes; set bar_seconds to {BAR_SECONDS}")
    source = FlatFileFolder(folder)
    ledger = Ledger(records / "ledger.sqlite")
    intake = FlatFileIntake(source, store, ledger, utc_now, origin=Source.IMPORT)
    symbols = None if symbol is None else (symbol,)
    wanted = FlatFileRequest(symbols, source.days[0], source.days[-1])
    _require_all(_run(intake, wanted, folder.name))


def _fetch_if_sooner(settings: Settings, store: BarStore, request: BackfillRequest) -> Choice:
    from signal_server.market.flat_files.choice import Choice, RestWork, choose
    from signal_server.market.plan import plan_of

    wanted = _whole_days(store, request)
    if wanted is None:
        return Choice(False, "flat files hold whole days alone, and none is asked for")
    intake = _intake(settings, store)
    tasks, _ = intake.plan(wanted)
    calls = sum(len(plan_of(store, s, request, utc_now()).pieces) for s in request.symbols)
    left = len(request.symbols) if calls else 0
    choice = choose(RestWork(calls, left, settings.polygon.calls_per_minute), tasks)
    if choice.flat_files:
        click.echo(f"source: flat files, then REST ({choice.reason})", err=True)
        _run(intake, wanted, "flat files")
    return choice


def _whole_days(store: BarStore, request: BackfillRequest) -> FlatFileRequest | None:
    """Return the days that are over by the request's end, None if there are none."""
    from signal_server.market.flat_files.plan import DAY, FlatFileRequest, last_due
    from signal_server.market.plan import plan_of

    now = utc_now()
    floors = [plan_of(store, symbol, request, now).floor for symbol in request.symbols]
    first = (request.start or min(floors)).astimezone(UTC).date()
    end = request.end.astimezone(UTC)
    # A midnight is the end of the day before; any other moment leaves its own day unfinished.
    midnight = (end - _MICROSECOND).date() != end.date()
    last = min(last_due(now), (end - _MICROSECOND).date() if midnight else end.date() - DAY)
    return FlatFileRequest(request.symbols, first, last) if first <= last else None


def _intake(settings: Settings, store: BarStore) -> FlatFileIntake:
    from signal_server.market.flat_files.bucket import FlatFileBucket, FlatFileKeys
    from signal_server.market.flat_files.intake import FlatFileIntake
    from signal_server.market.flat_files.ledger import Ledger

    keys = FlatFileKeys(
        settings.flat_files_access_key.get_secret_value(),
        settings.flat_files_secret_key.get_secret_value(),
    )
    folder = settings.flat_files_dir
    bucket = FlatFileBucket(settings.flat_files, keys, folder, _say)
    ledger = Ledger(folder / "ledger.sqlite")
    return FlatFileIntake(bucket, store, ledger, utc_now, downloads=settings.flat_files.downloads)


def _run(intake: FlatFileIntake, wanted: FlatFileRequest, what: str) -> IntakeResult:
    from signal_server.cli.screen import counting_bar

    began_s = monotonic_s()
    try:
        with counting_bar(f"days of {what}") as bar:
            result = intake.run(wanted, lambda done: bar(done.days_done, done.days))
    except KeyboardInterrupt:
        click.secho("stopped; what came is kept, run it again to go on", fg="yellow", err=True)
        raise
    for line in _told(result, monotonic_s() - began_s):
        click.echo(line)
    return result


def _told(result: IntakeResult, seconds: float) -> list[str]:
    """Return what was done, as lines of text."""
    new = sum(landed.new_bars for landed in result.symbols.values())
    refused = sum(landed.refused_bars for landed in result.symbols.values())
    states = Counter(result.days.values())
    counted = ", ".join(f"{count:,} {state}" for state, count in states.items())
    lines = [
        f"flat files: {new:,} new bars of {len(result.symbols)} symbols in {seconds:.1f} s "
        f"({new / max(seconds, 1e-9):,.0f} bars/s); days: {counted or 'all there already'}"
    ]
    if refused:
        lines.append(f"{refused:,} rows are no bars; signal-server data quarantine shows them")
    lines += list(result.reasons.values())[:_REASONS]
    if len(result.reasons) > _REASONS:
        lines.append(f"… and {len(result.reasons) - _REASONS} more")
    return lines


def _require_all(result: IntakeResult) -> None:
    from signal_server.market.flat_files.plan import DayState

    lacking = len(result.reasons) + result.count(DayState.MISSING)
    if lacking:
        raise IncompleteError(
            f"{lacking} of {len(result.days)} days could not be had; run it again later, or fetch "
            "them by --source rest"
        )


def _say(sentence: str) -> None:
    click.secho(sentence, fg="yellow", err=True)
