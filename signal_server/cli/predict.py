"""`signal-server predict`: a model's predictions for any stored period, in a Parquet file."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import ModelName, Moment, SymbolList
from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session
from signal_server.core.errors import ModelError, NoHistoryError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from rich.table import Table

    from signal_server.training.artifact import Manifest, Model

SUFFIX = ".parquet"


def _parquet_file(_context: click.Context, _option: click.Parameter, path: Path) -> Path:
    """Refuse a name that would say something else of the content."""
    if path.suffix != SUFFIX:
        raise click.BadParameter(f"'{path}' is written as Parquet; let its name end in {SUFFIX}")
    return path


@click.command(name="predict")
@click.option("--model", type=ModelName(), help="PROFILE[@VERSION]; what is served by default.")
@click.option("--symbols", type=SymbolList(), help="Symbols to score; the model's by default.")
@click.option("--start", type=Moment(), help="Score bars that close after this moment only.")
@click.option("--end", type=Moment(), help="Score bars that close up to this moment only.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    callback=_parquet_file,
    help="The Parquet file to write; one that is there is replaced when all is written.",
)
@click.option(
    "--evaluated",
    is_flag=True,
    help="Use the booster that the test part was predicted with, before the last fit on all rows.",
)
@pass_session
def command(  # noqa: PLR0913 (one parameter an option)
    session: Session,
    model: tuple[str, str | None] | None,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
    out: Path,
    evaluated: bool,
) -> None:
    """Write the model's calibrated predictions for stored bars, beside what became of them.

    Columns: symbol, close_time, p_down, (p_flat,) p_up, direction, confidence, label,
    label_known_at, in_training. Rows come symbol by symbol, in time order. Bars without enough
    history have no row, and of the model's symbols those without bars in the period are left out.
    Where in_training is true the model has learned from that moment, so that being right there
    proves nothing.
    """
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.training.scoring import ScoreRequest, iter_scores, with_bars

    settings = session.settings
    opened = _open(session, model or (settings.serving.profile, None), evaluated)
    store = open_store(settings, opened.manifest.bar_seconds)
    request = ScoreRequest(opened, symbols or opened.manifest.symbols, start, end)
    scored = request if symbols else replace(request, symbols=with_bars(store, request))
    tally = Tally()
    with progress_bars() as report, _parquet(out, opened.manifest) as write:
        for frame in iter_scores(store, scored, report):
            write(frame)
            tally.add(frame)
        _require_rows(tally, opened)
    console = make_console()
    console.print(_table(opened.manifest, tally, request.symbols))
    for symbol in request.symbols:
        if symbol not in scored.symbols:
            console.print(f"{symbol} has no bars in this period.")
    console.print(f"{tally.rows.total():,} rows are in {out}.")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows each symbol has, how many of them are unseen and known, and how many right."""

    rows: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def add(self, frame: "pd.DataFrame") -> None:
        """Count a block of one symbol's scored rows."""
        symbol = str(frame["symbol"].iloc[0])
        known = frame["label"].notna() & ~frame["in_training"]
        right = known & (frame["label"].astype("str") == frame["direction"].astype("str"))
        self.rows[symbol] += len(frame)
        self.known[symbol] += int(known.sum())
        self.right[symbol] += int(right.sum())


def _open(session: Session, name: tuple[str, str | None], evaluated: bool) -> "Model":
    from signal_server.training.registry import ModelRegistry

    registry = ModelRegistry(session.settings.models_dir)
    return (registry.load_evaluated if evaluated else registry.load)(*name)


def _require_rows(tally: Tally, model: "Model") -> None:
    from signal_server.features.catalogue import leaders_of, warmup_bars

    if not tally.rows:
        names = model.manifest.feature_names
        beside = "".join(f", and of {leader}" for leader in leaders_of(names))
        raise NoHistoryError(
            f"no bar of this period can be scored: each needs {warmup_bars(names) + 1:,} bars of "
            f"its symbol{beside}, itself included and few missing; "
            "backfill them or choose a later start"
        )


@contextmanager
def _parquet(out: Path, manifest: "Manifest") -> "Iterator[Callable[[pd.DataFrame], None]]":
    """Yield a function that writes frames; the file appears when all are written.

    Raises `ModelError` when it cannot be written; a file that was there is then left as it was.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    schema = _schema(manifest)
    with _naming(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(out)
        writer = pq.ParquetWriter(partial, schema, compression="zstd")

    def write(frame: "pd.DataFrame") -> None:
        with _naming(out):
            writer.write_table(pa.Table.from_pandas(frame, preserve_index=False).cast(schema))

    try:
        yield write
        with _naming(out):
            writer.close()
            partial.replace(out)
    finally:
        with suppress(OSError):
            writer.close()
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _remove_left(out: Path) -> None:
    """Remove what runs that were killed had written of the file; those that run keep theirs."""
    for left in out.parent.glob(f".{escape(out.name)}.*.partial"):
        process = left.name.split(".")[-2]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            left.unlink(missing_ok=True)
        except (ValueError, OSError, OverflowError):
            continue


@contextmanager
def _naming(out: Path) -> Iterator[None]:
    """Say of an error of the file system which file it is about."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ModelError(f"{out} cannot be written: {reason}") from error


def _schema(manifest: "Manifest") -> "pa.Schema":
    import pyarrow as pa

    moment, text = pa.timestamp("ns", "UTC"), pa.string()
    fields = [
        ("symbol", text),
        ("close_time", moment),
        *((f"p_{name.lower()}", pa.float64()) for name in manifest.classes),
        ("direction", text),
        ("confidence", pa.float64()),
        ("label", text),
        ("label_known_at", moment),
        ("in_training", pa.bool_()),
    ]
    return pa.schema(fields, {"model": manifest.id, "version": manifest.version})


def _table(manifest: "Manifest", tally: Tally, symbols: tuple[str, ...]) -> "Table":
    from rich.table import Table

    title = f"Predictions of {manifest.id} {manifest.version}"
    table = Table(
        title=title, caption="unseen: rows outside the period that the model has learned from"
    )
    table.add_column("symbol")
    for name in ("rows", "unseen, outcome known", "of these right"):
        table.add_column(name, justify="right")
    for symbol in symbols:
        rows, known, right = tally.rows[symbol], tally.known[symbol], tally.right[symbol]
        table.add_row(symbol, f"{rows:,}", f"{known:,}", f"{right / known:.2%}" if known else "-")
    return table
