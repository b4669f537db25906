"""`signal-server models`: the registered models, which of them are in use, and since when."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import ModelName, Moment, SymbolList
from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session, user_name
from signal_server.core.errors import ModelError

if TYPE_CHECKING:
    from signal_server.training.aliases import Aliases, Event
    from signal_server.training.registry import ModelRegistry

Name = tuple[str, str | None]


def _reason(_context: click.Context, _option: click.Parameter, why: str) -> str:
    if not why.strip():
        raise click.BadParameter("it is empty; say why, for those who read the history")
    return why


_why = click.option("--why", required=True, callback=_reason, help="The reason, for the history.")


@click.group(name="models", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the manifests as a JSON array.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, compare and choose among the registered models.

    Every training makes a new version, which never changes. The champion is served; challengers
    predict beside it in shadow; a version that failed a gate is refused until someone promotes it.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_models, as_json=as_json)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print the manifests as a JSON array.")
@pass_session
def list_models(session: Session, as_json: bool) -> None:
    """List all versions.

    Accuracy stands beside the majority rate: what always saying the commonest class would get.
    """
    from signal_server.cli.models_screen import list_table
    from signal_server.cli.screen import make_console
    from signal_server.training.artifact import manifest_to_json

    registry = _registry(session)
    entries = registry.entries()
    if as_json:
        whole = [json.loads(manifest_to_json(m)) for m in registry.list()]
        click.echo(json.dumps(whole, indent=2))
    elif entries:
        console = make_console()
        aliases, problems = _aliases(registry, {entry.name for entry in entries})
        console.print(list_table(entries, aliases, console.width))
        if problems:
            raise ModelError("; ".join(problems))
    else:
        click.echo("No models yet; train one with `signal-server train`.")


@command.command()
@click.argument("model", type=ModelName())
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@pass_session
def show(session: Session, model: Name, as_json: bool) -> None:
    """Show all that is known of a model: PROFILE[@VERSION]."""
    from signal_server.cli.models_screen import history_table, model_table, results_table
    from signal_server.cli.registration import audit_of
    from signal_server.cli.screen import make_console
    from signal_server.training.artifact import manifest_to_json
    from signal_server.training.summary import describe

    registry = _registry(session)
    manifest = registry.manifest(*model)
    if as_json:
        click.echo(manifest_to_json(manifest))
        return
    console, aliases = make_console(), registry.aliases(manifest.id)
    _, audited = audit_of(session.settings.audit_dir, manifest)
    console.print(model_table(manifest, aliases, audited))
    console.print(results_table("Test part", describe(manifest.validation)))
    console.print(manifest.validation.sentence)
    console.print(history_table(manifest.id, aliases))


@command.command()
@click.argument("first", type=ModelName())
@click.argument("second", type=ModelName())
@pass_session
def compare(session: Session, first: Name, second: Name) -> None:
    """Let two models predict the same stored bars, of which neither has learned.

    Each is PROFILE[@VERSION]. The gains are in paired rows, so that their intervals say whether
    the second is better. Both must have been trained on bars of the same length.
    """
    from signal_server.cli.models_screen import duel_table
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.training.duel import fight

    registry = _registry(session)
    models = registry.load_evaluated(*first), registry.load_evaluated(*second)
    store = open_store(session.settings, models[0].manifest.bar_seconds)
    with progress_bars() as report:
        duel = fight(store, models, report)
    make_console().print(duel_table(duel))


@command.command()
@click.argument("model", type=ModelName())
@click.option("--symbols", type=SymbolList(), help="Symbols to judge on; the model's by default.")
@click.option("--start", type=Moment(), help="Judge on bars that close after this moment only.")
@click.option("--end", type=Moment(), help="Judge on bars that close up to this moment only.")
@pass_session
def judge(
    session: Session,
    model: Name,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Judge a model on stored bars after all that it has learned from.

    MODEL is PROFILE[@VERSION]. It predicts as it would have been served. Prints what `train` prints
    of its test part, accuracy over time as well, and writes the same page.
    """
    from signal_server.cli.models_screen import results_table
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.core.costs import Costs
    from signal_server.market.stored import check_period
    from signal_server.reports.judgement_report import judgement_report
    from signal_server.reports.report_folder import write_report
    from signal_server.training.judging import JudgeRequest
    from signal_server.training.judging import judge as judge_model
    from signal_server.training.summary import describe, describe_periods

    check_period((start, end))
    settings = session.settings
    opened = _registry(session).load(*model)
    manifest = opened.manifest
    costs = Costs(settings.backtest.fee_bps, settings.backtest.slippage_bps)
    request = JudgeRequest(opened, symbols or manifest.symbols, start, end, costs.round_trip_bps)
    with progress_bars() as report:
        found = judge_model(open_store(settings, manifest.bar_seconds), request, report)
    period = f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}"
    lines = (*describe(found.validation), *describe_periods(found.validation))
    console = make_console()
    console.print(results_table(f"{found.name} {found.version}, {period}", lines))
    console.print(found.validation.sentence)
    folder = settings.reports_dir / (
        f"judged-{found.name}-{found.version}-{found.start:%Y%m%d}-{found.end:%Y%m%d}"
    )
    console.print(f"Report: {write_report(folder, judgement_report(found)) / 'index.html'}")


@command.command()
@click.argument("model", type=ModelName())
@_why
@click.option("--challenger", is_flag=True, help="Score it in shadow beside the champion instead.")
@click.option("--despite-gates", is_flag=True, help="Put it in use though it failed a gate.")
@pass_session
def promote(session: Session, model: Name, why: str, challenger: bool, despite_gates: bool) -> None:
    """Put PROFILE@VERSION in use; a running server takes it up within seconds.

    A version that failed a gate is refused, unless with --despite-gates. The reason is kept.
    """
    registry = _registry(session)
    name, version = _with_version(model)
    by = user_name()
    if challenger:
        event = registry.challenge(name, version, by=by, why=why)
    else:
        event = registry.promote(name, version, by=by, why=why, despite_gates=despite_gates)
    _say(event, name)


@command.command()
@click.argument("profile")
@_why
@pass_session
def rollback(session: Session, profile: str, why: str) -> None:
    """Return to the version that PROFILE used before."""
    _say(_registry(session).rollback(profile, by=user_name(), why=why), profile)


@command.command()
@click.argument("model", type=ModelName())
@_why
@pass_session
def withdraw(session: Session, model: Name, why: str) -> None:
    """Let the challenger PROFILE@VERSION predict no more."""
    name, version = _with_version(model)
    _say(_registry(session).withdraw(name, version, by=user_name(), why=why), name)


def _registry(session: Session) -> "ModelRegistry":
    from signal_server.training.registry import ModelRegistry

    return ModelRegistry(session.settings.models_dir)


def _aliases(
    registry: "ModelRegistry", names: "set[str]"
) -> "tuple[dict[str, Aliases], list[str]]":
    """Return the aliases by profile, and what is wrong with those that cannot be read."""
    found, problems = {}, []
    for name in sorted(names):
        try:
            found[name] = registry.aliases(name)
        except ModelError as error:
            problems.append(str(error))
    return found, problems


def _with_version(model: Name) -> tuple[str, str]:
    name, version = model
    if version is None:
        raise click.UsageError(f"name the version too: {name}@VERSION; `models` lists them")
    return name, version


def _say(event: "Event", name: str) -> None:
    from signal_server.training.aliases import Action

    became = {
        Action.PROMOTED: "is in use from now on",
        Action.CHALLENGED: "is a challenger now",
        Action.WITHDRAWN: "is no challenger any more",
        Action.ROLLED_BACK: "is in use again",
    }
    click.echo(f"{name}@{event.version} {became[event.action]}.")
