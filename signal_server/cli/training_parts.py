"""What the commands that train have in common: the spec of a model, and the bars to learn from."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from signal_server.cli.bars import open_store
from signal_server.cli.session import Session
from signal_server.core.clock import utc_now
from signal_server.core.costs import Costs
from signal_server.core.errors import NoHistoryError
from signal_server.features.catalogue import feature_names, leaders_of, schema_hash
from signal_server.market.stored import Period, StoredBars, check_period
from signal_server.training.registry import name_of_own
from signal_server.training.train import TrainingSpec
from signal_server.training.tries import Tried, Try, count_runs, note_try

if TYPE_CHECKING:
    import pandas as pd

    from signal_server.training.walkforward import Pace


def spec_of(session: Session, profile: str | None, symbols: tuple[str, ...] | None) -> TrainingSpec:
    """Return what the settings say of a profile, serving.profile unless one is named."""
    settings = session.settings
    name = profile or settings.serving.profile
    costs = Costs(settings.backtest.fee_bps, settings.backtest.slippage_bps)
    return TrainingSpec(
        name,
        session.profile(name),
        settings.training_of(name),
        settings.bar_seconds,
        round_trip_bps=costs.round_trip_bps,
        symbols=symbols or open_store(settings).symbols(),
        scratch=settings.data_dir / "scratch",
    )


def counted(
    session: Session, spec: TrainingSpec, command: str, pace: "Pace | None" = None
) -> TrainingSpec:
    """Note a run that trains by the spec, and return the spec with all that was tried so far.

    Runs of the same label, features, symbols, settings and `pace` of a walk forward count once,
    however often and on whatever months they are made.
    """
    folder, name = session.settings.tuning_dir, spec.profile_name
    note_try(folder, name, Try(command, utc_now(), _what_is_tried(spec, pace)))
    tried = Tried(spec.training.prior_trials, _tuned(folder, name), count_runs(folder, name))
    return replace(spec, tried=tried)


def _what_is_tried(spec: TrainingSpec, pace: "Pace | None") -> str:
    names = feature_names(spec.profile.features, trade_counts=spec.training.use_trade_counts)
    settings = spec.training.model_dump_json(exclude={"prior_trials"})
    label = spec.profile.label.model_dump_json()
    what = (label, settings, schema_hash(names), sorted(spec.symbols), spec.bar_seconds)
    walked = () if pace is None else (pace,)
    return hashlib.sha256(repr((*what, *walked)).encode()).hexdigest()[:16]


def _tuned(folder: Path, profile: str) -> int:
    if not folder.exists():
        return 0
    from signal_server.training.tuning import tried_before

    return tried_before(folder, profile)


def specs_of_models(spec: TrainingSpec) -> tuple[TrainingSpec, ...]:
    """Return the spec itself, or, where symbols are not pooled, one for each symbol's own model."""
    if spec.training.pooled:
        return (spec,)
    return tuple(
        replace(spec, profile_name=name_of_own(spec.profile_name, symbol), symbols=(symbol,))
        for symbol in spec.symbols
    )


def bars_for(session: Session, spec: TrainingSpec, period: Period) -> Mapping[str, "pd.DataFrame"]:
    """Return the bars of the spec's symbols and of those that its features compare with.

    With `external_memory` they are read when asked for, else now. Raises `NoHistoryError` naming
    a symbol without any.
    """
    settings = session.settings
    check_period(period)
    if not spec.symbols:
        raise NoHistoryError("no bars to train on; fetch them with `signal-server backfill`")
    names = feature_names(spec.profile.features, trade_counts=spec.training.use_trade_counts)
    symbols = tuple(sorted({*spec.symbols, *leaders_of(names)}))
    bars = StoredBars(open_store(settings), symbols, period)
    return bars if spec.training.external_memory else _read(bars)


def _read(bars: StoredBars) -> "Mapping[str, pd.DataFrame]":
    frames = dict(bars)
    missing = [symbol for symbol, frame in frames.items() if not len(frame)]
    if missing:
        raise NoHistoryError(
            f"no bars of {', '.join(missing)} to train on; fetch them with `signal-server backfill`"
        )
    return frames
