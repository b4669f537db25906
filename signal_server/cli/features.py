"""`signal-server features`: what a model is shown of the market."""

import click


@click.command(name="features")
@click.option("--markdown", is_flag=True, help="Print the page docs/features.md.")
def command(*, markdown: bool) -> None:
    """Print every feature: group, meaning, unit, inputs, warm-up."""
    if markdown:
        from signal_server.features.document import as_markdown

        click.echo(as_markdown(), nl=False)
    else:
        _print_table()


def _print_table() -> None:
    from rich.table import Table

    from signal_server.cli.screen import make_console
    from signal_server.features.catalogue import CATALOGUE

    table = Table(title=f"{len(CATALOGUE)} features")
    for name in ("group", "name", "meaning", "unit", "inputs", "warm-up bars"):
        table.add_column(name, overflow="fold")
    for feature in CATALOGUE:
        table.add_row(
            feature.group,
            feature.name,
            feature.meaning,
            feature.unit,
            ", ".join((*feature.inputs, *feature.leaders)),
            str(feature.warmup_bars),
        )
    make_console().print(table)
