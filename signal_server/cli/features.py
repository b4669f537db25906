"""`signal-server features`: what a model is shown of the market."""

import click


@click.command(name="features")
def command() -> None:
    """Print every feature: group, meaning, inputs, warm-up."""
    from rich.table import Table

    from signal_server.cli.screen import make_console
    from signal_server.features.catalogue import CATALOGUE

    table = Table(title=f"{len(CATALOGUE)} features")
    for name in ("group", "name", "meaning", "inputs", "warm-up bars"):
        table.add_column(name, overflow="fold")
    for feature in CATALOGUE:
        table.add_row(
            feature.group,
            feature.name,
            feature.meaning,
            ", ".join(feature.inputs),
            str(feature.warmup_bars),
        )
    make_console().print(table)
