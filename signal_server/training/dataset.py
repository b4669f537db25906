"""Labelled feature rows of all symbols, in time order."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig
from signal_server.core.domain import BAR_COLUMNS, Direction
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.core.gaps import whole_after, whole_before
from signal_server.features.catalogue import compute_features, warmup_bars
from signal_server.labels import classes, make_labels

BLOCK_BARS = 100_000
_SECOND_NS = 1_000_000_000

Progress = Callable[[float], None]
"""Takes the share of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled rows, sorted by time and then by symbol.

    `features` is float32 (rows, names), NaN where a feature is undefined. `labels` are indices
    into `classes`. `time` is the bar's close and `known_at` the moment the label became known,
    both tz-aware UTC. `symbol_codes` are indices into `symbols`.
    """

    names: tuple[str, ...]
    classes: tuple[Direction, ...]
    symbols: tuple[str, ...]
    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    time: pd.DatetimeIndex
    known_at: pd.DatetimeIndex
    symbol_codes: NDArray[np.int16]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Which rows and columns a dataset has; `stride_bars` keeps every n-th bar of the clock."""

    names: tuple[str, ...]
    label: LabelConfig
    bar_seconds: int
    stride_bars: int


@dataclass(frozen=True, slots=True)
class _SymbolRows:
    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    time_ns: NDArray[np.int64]
    known_at_ns: NDArray[np.int64]


@dataclass(slots=True)
class _Meter:
    """Counts the bars that are done, and tells their share."""

    total: int
    progress: Progress
    done: int = 0

    def add(self, bars: int) -> None:
        self.done += bars
        self.progress(self.done / self.total)


def build_dataset(
    bars_by_symbol: Mapping[str, pd.DataFrame], spec: DatasetSpec, progress: Progress
) -> Dataset:
    """Compute features and labels of every symbol and join them in time order.

    Left out are rows without a known label, rows inside the features' warm-up, and rows with too
    many bars missing in their warm-up, as the server would refuse them, or in their horizon. The
    stride counts on the clock, not from the first bar, so that all symbols keep the same moments.
    Raises `NoHistoryError` naming a symbol with no usable row.
    """
    if not bars_by_symbol:
        raise NoHistoryError("there are no bars to train on; backfill or import some first")
    meter = _Meter(sum(len(bars) for bars in bars_by_symbol.values()), progress)
    symbols = tuple(sorted(bars_by_symbol))
    blocks = [_symbol_rows(symbol, bars_by_symbol[symbol], spec, meter) for symbol in symbols]
    return _join(symbols, blocks, spec)


def fingerprint(bars_by_symbol: Mapping[str, pd.DataFrame]) -> str:
    """Return the SHA-256, in hex, of all bars: symbols, close times and values."""
    digest = hashlib.sha256()
    for symbol in sorted(bars_by_symbol):
        bars = bars_by_symbol[symbol]
        digest.update(symbol.encode())
        digest.update(_nanoseconds(pd.DatetimeIndex(bars.index)).tobytes())
        for column in BAR_COLUMNS:
            digest.update(np.ascontiguousarray(bars[column].to_numpy(np.float64)).tobytes())
    return digest.hexdigest()


def feature_matrix(features: pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the columns `names` as float32 (rows, names).

    NaN stays NaN. Raises `ModelError` naming a column that holds an infinite value.
    """
    matrix = features[list(names)].to_numpy(np.float32)
    infinite = np.isinf(matrix).any(axis=0)
    if infinite.any():
        name = names[int(np.argmax(infinite))]
        raise ModelError(f"feature {name} is infinite; check the bars it was computed from")
    return matrix


def _symbol_rows(symbol: str, bars: pd.DataFrame, spec: DatasetSpec, meter: _Meter) -> _SymbolRows:
    labels = make_labels(bars, spec.label)
    closes = pd.DatetimeIndex(bars.index)
    time_ns = _nanoseconds(closes)
    usable = labels["label"].notna().to_numpy() & _on_stride(time_ns, spec)
    usable &= whole_before(closes, warmup_bars(spec.names) + 1, spec.bar_seconds)
    usable &= whole_after(closes, spec.label.horizon_s, spec.bar_seconds)
    if not usable.any():
        raise NoHistoryError(
            f"{symbol}: {len(bars)} bars leave no row after {warmup_bars(spec.names)} bars of "
            f"warm-up and a horizon of {spec.label.horizon_s} s without holes; "
            "backfill a longer history"
        )
    known_at = pd.DatetimeIndex(labels["known_at"])[usable]
    return _SymbolRows(
        features=np.concatenate(list(_feature_blocks(bars, usable, spec.names, meter))),
        labels=labels["label"].to_numpy()[usable].astype(np.int8),
        time_ns=time_ns[usable],
        known_at_ns=_nanoseconds(known_at),
    )


def _on_stride(time_ns: NDArray[np.int64], spec: DatasetSpec) -> NDArray[np.bool_]:
    return np.equal(time_ns // (spec.bar_seconds * _SECOND_NS) % spec.stride_bars, 0)


def _feature_blocks(
    bars: pd.DataFrame, usable: NDArray[np.bool_], names: tuple[str, ...], meter: _Meter
) -> Iterator[NDArray[np.float32]]:
    """Yield the usable rows block by block, each computed from itself and its warm-up alone.

    A feature given only its warm-up has the value it has given all history, so blocks bound
    the memory and change nothing.
    """
    warmup = warmup_bars(names)
    for first in range(0, len(bars), BLOCK_BARS):
        last = min(first + BLOCK_BARS, len(bars))
        begin = max(0, first - warmup)
        features = compute_features(bars.iloc[begin:last], names)
        block = features.iloc[first - begin :]
        yield feature_matrix(block.loc[usable[first:last]], names)
        meter.add(last - first)


def _join(symbols: tuple[str, ...], blocks: list[_SymbolRows], spec: DatasetSpec) -> Dataset:
    time_ns = np.concatenate([block.time_ns for block in blocks])
    counts = [len(block.labels) for block in blocks]
    codes = np.repeat(np.arange(len(blocks), dtype=np.int16), counts)
    order = np.lexsort((codes, time_ns))
    return Dataset(
        names=spec.names,
        classes=classes(spec.label.kind),
        symbols=symbols,
        features=np.concatenate([block.features for block in blocks])[order],
        labels=np.concatenate([block.labels for block in blocks])[order],
        time=_utc(time_ns[order]),
        known_at=_utc(np.concatenate([block.known_at_ns for block in blocks])[order]),
        symbol_codes=codes[order],
    )


def _nanoseconds(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(index.as_unit("ns").asi8, dtype=np.int64)


def _utc(time_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time_ns.view("datetime64[ns]")).tz_localize("UTC")
