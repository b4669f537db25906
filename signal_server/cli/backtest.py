"""`signal-server backtest`: the bot's rules over the model's untouched test part."""

import click

from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session


@click.command(name="backtest")
@click.option("--profile", help="Profile of the settings; serving.profile by default.")
@click.option("--version", help="Version of the model; the one in use by default.")
@pass_session
def command(session: Session, profile: str | None, version: str | None) -> None:
    """Trade the model's test part with the bot's own rules, fees and slippage.

    Writes trade_log.csv, equity_curve.csv, summary.json and a picture into data/reports.
    """
    from signal_server.backtest.replay import BacktestRequest, backtest
    from signal_server.backtest.report import summary_table, write_report
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.features.catalogue import leaders_of
    from signal_server.training.registry import ModelRegistry

    settings = session.settings
    name = profile or settings.serving.profile
    model = ModelRegistry(settings.models_dir).load_evaluated(name, version)
    store = open_store(settings, model.manifest.bar_seconds)
    symbols = {*model.manifest.symbols, *leaders_of(model.manifest.feature_names)}
    request = BacktestRequest(
        model=model,
        bars={symbol: store.read(symbol) for symbol in sorted(symbols)},
        config=settings.backtest,
        signal_valid_s=settings.serving.signal_valid_s,
    )
    with progress_bars() as report:
        result = backtest(request, report)
    folder = write_report(result, settings.reports_dir)
    console = make_console()
    console.print(summary_table(result))
    console.print(f"Trades, equity and picture are in {folder}.")
