"""`signal-server models`: the registered models and what their test parts said."""

import json
from typing import TYPE_CHECKING

import click

from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.training.artifact import Manifest
    from signal_server.training.registry import ModelRegistry


@click.command(name="models")
@click.option("--json", "as_json", is_flag=True, help="Print the manifests as a JSON array.")
@pass_session
def command(session: Session, as_json: bool) -> None:
    """List the registered models, the one in use of each profile marked with *.

    Accuracy stands beside the majority rate: what always saying the commonest class would get.
    """
    from signal_server.cli.screen import make_console
    from signal_server.training.artifact import manifest_to_json
    from signal_server.training.registry import ModelRegistry

    registry = ModelRegistry(session.settings.models_dir)
    manifests = registry.list()
    if as_json:
        content = [json.loads(manifest_to_json(manifest)) for manifest in manifests]
        click.echo(json.dumps(content, indent=2))
    elif manifests:
        make_console().print(_table(manifests, registry))
    else:
        click.echo("No models yet; train one with `signal-server train`.")


def _table(manifests: "tuple[Manifest, ...]", registry: "ModelRegistry") -> "Table":
    from rich.table import Table

    table = Table(title="Models")
    for name in ("", "profile", "version", "bars", "symbols", "features", "accuracy", "majority"):
        table.add_column(name)
    table.add_column("verdict on the test part", overflow="fold")
    for manifest in manifests:
        table.add_row(*_cells(manifest, registry.champion(manifest.id)))
    return table


def _cells(manifest: "Manifest", champion: str) -> tuple[str, ...]:
    validation = manifest.validation
    return (
        "*" if manifest.version == champion else "",
        manifest.id,
        manifest.version,
        f"{manifest.bar_seconds} s",
        ", ".join(manifest.symbols),
        str(len(manifest.feature_names)),
        f"{validation.accuracy:.1%}",
        f"{validation.majority_rate:.1%}",
        validation.verdict.value,
    )
