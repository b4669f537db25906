"""The tables of `signal-server models`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.table import Table

from signal_server.training.aliases import Aliases
from signal_server.training.artifact import Manifest
from signal_server.training.duel import Duel
from signal_server.training.registry import Entry
from signal_server.training.summary import SummaryLine

WIDE = 150
"""Characters that a row of the list needs, of a version of four symbols; in less it is folded."""
_STYLES = {"champion": "bold", "refused": "dim", "-": "dim", "unknown": "red"}


def list_table(entries: Sequence[Entry], aliases: Mapping[str, Aliases], width: int) -> Table:
    """Return one row a version, with its part and its test results, for a screen of that width.

    `aliases` are those of the profiles of which they are known.
    """
    return (_wide_list if width >= WIDE else _narrow_list)(entries, aliases)


def _wide_list(entries: Sequence[Entry], aliases: Mapping[str, Aliases]) -> Table:
    table = Table(title="Models")
    for name in ("part", "profile", "version", "symbols", "features"):
        table.add_column(name, no_wrap=name in ("part", "profile", "version"))
    for name in ("accuracy", "majority", "from 0.60"):
        table.add_column(name, justify="right")
    table.add_column("verdict on the test part, or the fault", overflow="fold")
    for entry in entries:
        part = part_of(entry.version, aliases.get(entry.name))
        row = (part, entry.name, entry.version, *_results(entry))
        table.add_row(*row, style=_STYLES.get(part, ""))
    return table


def _narrow_list(entries: Sequence[Entry], aliases: Mapping[str, Aliases]) -> Table:
    table = Table(title="Models", show_lines=True)
    table.add_column("part", no_wrap=True)
    table.add_column("profile, version, symbols", min_width=25, overflow="fold")
    table.add_column("test part, or the fault", overflow="fold")
    for entry in entries:
        part = part_of(entry.version, aliases.get(entry.name))
        symbols, features, accuracy, majority, confident, verdict = _results(entry)
        said = (
            f"{accuracy} right, majority {majority}",
            f"from 0.60: {confident}",
            f"{verdict}, {features} features",
        )
        table.add_row(
            part,
            "\n".join(filter(None, (entry.name, entry.version, symbols))),
            verdict if entry.manifest is None else "\n".join(said),
            style=_STYLES.get(part, ""),
        )
    return table


def part_of(version: str, aliases: Aliases | None) -> str:
    """Return what a version is at present."""
    if aliases is None:
        return "unknown"
    if version == aliases.champion:
        return "champion"
    if version in aliases.challengers:
        return "challenger"
    if version in aliases.earlier_champions:
        return "earlier"
    return "refused" if aliases.reasons_against(version) else "-"


def model_table(manifest: Manifest, aliases: Aliases, audit: str) -> Table:
    """Return what the model is, what it was made of, and what its gates said."""
    table = Table(title=f"Model {manifest.id} {manifest.version}", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("part", part_of(manifest.version, aliases))
    for reason in aliases.shortcomings(manifest.version):
        table.add_row("gate", reason)
    table.add_row("audit", audit)
    for what, value in _facts(manifest):
        table.add_row(what, value)
    table.add_section()
    for what, value in _made_with(manifest):
        table.add_row(what, value)
    return table


def results_table(title: str, lines: Iterable[SummaryLine]) -> Table:
    """Return figures as `train` prints them."""
    table = Table(title=title)
    for name in ("", "value", "beside it"):
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(line.what, line.value, line.beside)
    return table


def history_table(name: str, aliases: Aliases) -> Table:
    """Return what happened to the profile's versions, oldest first."""
    table = Table(title=f"History of {name}")
    for column in ("when (UTC)", "what", "version", "by", "why"):
        table.add_column(column, overflow="fold")
    for event in aliases.history:
        why = "; ".join([event.why, *event.reasons] if event.why else event.reasons)
        moment = f"{event.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(moment, event.action.value, event.version, event.by, why)
    return table


def duel_table(duel: Duel) -> Table:
    """Return both models' figures on the same rows, and what the second gains."""
    first, second = duel.scores
    caption = (
        f"{', '.join(duel.symbols)}: {duel.rows:,} rows from {_period(duel.start, duel.end)} UTC, "
        "after all that either has learned from; gains with 95% intervals"
    )
    table = Table(title="The same rows", caption=caption)
    for name in ("", first.version, second.version, "gain of the second"):
        table.add_column(name, justify="right" if name else "left", overflow="fold")
    accuracy, loss = duel.accuracy_gain, duel.log_loss_gain
    table.add_row("accuracy", f"{first.accuracy:.2%}", f"{second.accuracy:.2%}", (
        f"{accuracy.value:+.2%} ({accuracy.interval.low:+.2%} to {accuracy.interval.high:+.2%})"
    ))  # fmt: skip
    table.add_row("log-loss", f"{first.log_loss:.5f}", f"{second.log_loss:.5f}", (
        f"{loss.value:+.5f} ({loss.interval.low:+.5f} to {loss.interval.high:+.5f})"
    ))  # fmt: skip
    table.add_row("Brier score", f"{first.brier:.4f}", f"{second.brier:.4f}", "")
    errors = (f"{one.calibration_error:.2%}" for one in duel.scores)
    table.add_row("calibration error", *errors, "")
    table.add_row("rows from confidence 0.60", *(f"{one.confident:,}" for one in duel.scores), "")
    right = (one.confident_accuracy for one in duel.scores)
    table.add_row("right of them", *("-" if one is None else f"{one:.2%}" for one in right), "")
    return table


def _results(entry: Entry) -> tuple[str, ...]:
    manifest = entry.manifest
    if manifest is None:
        return "", "", "", "", "", entry.problem
    found = manifest.validation
    confident = found.confident
    right = "-" if confident is None else f"{confident.accuracy.value:.1%}"
    return (
        ", ".join(manifest.symbols),
        str(len(manifest.feature_names)),
        f"{found.accuracy:.1%}",
        f"{found.majority_rate:.1%}",
        f"{right} of {0 if confident is None else confident.trades:,}",
        found.verdict.value,
    )


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    label = manifest.profile.label
    yield (
        "label",
        f"{label.kind.value} over {label.horizon_s:,} s, bars of {manifest.bar_seconds} s",
    )
    yield "symbols", ", ".join(manifest.symbols)
    yield "features", f"{manifest.profile.features}, {len(manifest.feature_names)} of them"
    yield "rounds", f"{manifest.rounds} evaluated, {manifest.served_rounds} served"
    for part in ("train", "validation", "calibration", "test"):
        window = getattr(manifest.windows, part)
        yield f"{part} part", f"{_period(window.start, window.end)}, {window.rows:,} rows"
    served = manifest.served_window
    yield "served booster saw", f"{_period(served.start, served.end)}, {served.rows:,} rows"
    best = list(manifest.gain_shares.items())[:8]
    yield "most gain", ", ".join(f"{name} {share:.1%}" for name, share in best) or "a constant"


def _made_with(manifest: Manifest) -> Iterator[tuple[str, str]]:
    made = manifest.lineage
    yield "registered", f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC"
    yield "code", str(made.code)
    yield "source SHA-256", made.code_sha256
    yield "data SHA-256", manifest.data_fingerprint
    yield "feature schema", manifest.schema_hash
    yield "seed", str(manifest.training.seed)
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    yield "made with", f"Python {made.python}, {made.machine}, {packages}"


def _period(start: object, end: object) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
