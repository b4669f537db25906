"""Labelled feature rows of all symbols, in time order."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig
from signal_server.core.domain import BAR_COLUMNS, Direction
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.core.gaps import whole_after
from signal_server.features.catalogue import compute_features, leaders_of, warmup_bars
from signal_server.features.coverage import whole_rows
from signal_server.labels import classes, make_labels
from signal_server.training.weights import average_uniqueness

BLOCK_BARS = 100_000
_SECOND_NS = 1_000_000_000

Progress = Callable[[float], None]
"""Takes the share of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled rows, sorted by time and then by symbol.

    `features` is float32 (rows, names), NaN where a feature is undefined. `labels` are indices
    into `classes`. `time` is the bar's close and `known_at` the moment the label became known,
    both tz-aware UTC. `symbol_codes` are indices into `symbols`. `returns` is what followed, as a
    share: the move of the price, or the net return of the trade that the label describes.
    `uniqueness` is the label's average uniqueness among those of its symbol, in (0, 1].
    """

    names: tuple[str, ...]
    classes: tuple[Direction, ...]
    symbols: tuple[str, ...]
    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    time: pd.DatetimeIndex
    known_at: pd.DatetimeIndex
    symbol_codes: NDArray[np.int16]
    returns: NDArray[np.float64]
    uniqueness: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    def only(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Dataset":
        """Return a copy of these rows: positions in time order, or a mask."""
        return replace(
            self,
            features=self.features[rows],
            labels=self.labels[rows],
            time=self.time[rows],
            known_at=self.known_at[rows],
            symbol_codes=self.symbol_codes[rows],
            returns=self.returns[rows],
            uniqueness=self.uniqueness[rows],
        )


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Which rows and columns a dataset has; `stride_bars` keeps every n-th bar of the clock.

    It has rows of `symbols`, or of all that have bars where none is named.
    """

    names: tuple[str, ...]
    label: LabelConfig
    bar_seconds: int
    stride_bars: int
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Features of some rows of one symbol: `rows` are positions in the dataset, rising."""

    rows: NDArray[np.int64]
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _SymbolRows:
    labels: NDArray[np.int8]
    time_ns: NDArray[np.int64]
    known_at_ns: NDArray[np.int64]
    returns: NDArray[np.float64]
    uniqueness: NDArray[np.float32]


def build_dataset(
    bars_by_symbol: Mapping[str, pd.DataFrame], spec: DatasetSpec, progress: Progress
) -> Dataset:
    """Compute features and labels of every symbol and join them in time order.

    Left out are rows without a known label, rows whose horizon is not over, rows inside the
    features' warm-up, and rows with too many bars missing in their warm-up, as the server would
    refuse them, or in their horizon. The stride counts on the clock, not from the first bar, so
    that all symbols keep the same moments. The mapping may read the bars each time it is asked.
    Raises `NoHistoryError` naming a symbol with no usable row.
    """
    outline = outline_dataset(bars_by_symbol, spec)
    features = np.empty((len(outline), len(spec.names)), dtype=np.float32)
    done = 0
    for block in iter_blocks(bars_by_symbol, outline):
        features[block.rows] = block.features
        done += len(block.rows)
        progress(done / len(outline))
    return replace(outline, features=features)


def outline_dataset(bars_by_symbol: Mapping[str, pd.DataFrame], spec: DatasetSpec) -> Dataset:
    """Return the dataset with all but its features, which are (rows, 0) here.

    Holds the bars of one symbol and of the leaders at a time, if the mapping holds none. Raises
    as `build_dataset`.
    """
    if not bars_by_symbol:
        raise NoHistoryError("there are no bars to train on; backfill or import some first")
    symbols = tuple(sorted(spec.symbols or bars_by_symbol))
    leaders = _leaders(bars_by_symbol, spec.names)
    rows = [_symbol_rows(one, bars_by_symbol[one], spec, leaders) for one in symbols]
    return _join(symbols, rows, spec)


def iter_blocks(bars_by_symbol: Mapping[str, pd.DataFrame], outline: Dataset) -> Iterator[Block]:
    """Yield the features of all rows of an outline, symbol by symbol, in blocks of rising time.

    A block comes from at most 100,000 bars, whatever the history, so that it fits into memory:
    `outline.labels[block.rows]` are its labels.
    """
    leaders = _leaders(bars_by_symbol, outline.names)
    for code, symbol in enumerate(outline.symbols):
        rows = np.flatnonzero(outline.symbol_codes == code)
        bars = bars_by_symbol[symbol]
        usable = np.zeros(len(bars), dtype=np.bool_)
        usable[bars.index.searchsorted(outline.time[rows])] = True
        first = 0
        for features in _feature_blocks(bars, usable, outline.names, leaders):
            yield Block(rows[first : first + len(features)], features)
            first += len(features)


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
        raise ModelError(
            f"feature {name} is infinite; check its definition and the bars it was computed from"
        )
    return matrix


def _leaders(
    bars_by_symbol: Mapping[str, pd.DataFrame], names: tuple[str, ...]
) -> dict[str, pd.DataFrame]:
    needed = leaders_of(names)
    missing = [symbol for symbol in needed if symbol not in bars_by_symbol]
    if missing:
        raise NoHistoryError(
            f"the features compare with {', '.join(missing)}; add it to symbols and backfill it"
        )
    return {symbol: bars_by_symbol[symbol] for symbol in needed}


def _symbol_rows(
    symbol: str, bars: pd.DataFrame, spec: DatasetSpec, leaders: Mapping[str, pd.DataFrame]
) -> _SymbolRows:
    labels = make_labels(bars, spec.label, spec.bar_seconds)
    closes = pd.DatetimeIndex(bars.index)
    time_ns = _nanoseconds(closes)
    usable = labels["label"].notna().to_numpy() & _on_stride(time_ns, spec)
    usable &= whole_rows(closes, spec.names, leaders, spec.bar_seconds)
    usable &= whole_after(closes, spec.label.horizon_s, spec.bar_seconds)
    # While its time is not over, a trade's outcome is known only if it came early.
    usable &= np.asarray(closes + pd.Timedelta(seconds=spec.label.horizon_s) <= closes.max())
    if not usable.any():
        raise NoHistoryError(
            f"{symbol}: {len(bars)} bars leave no row after {warmup_bars(spec.names)} bars of "
            f"warm-up and a horizon of {spec.label.horizon_s} s without holes; "
            "backfill a longer history"
        )
    time_ns = time_ns[usable]
    known_at_ns = _nanoseconds(pd.DatetimeIndex(labels["known_at"]))[usable]
    return _SymbolRows(
        labels=labels["label"].to_numpy()[usable].astype(np.int8),
        time_ns=time_ns,
        known_at_ns=known_at_ns,
        returns=labels["forward_return"].to_numpy(np.float64)[usable],
        uniqueness=average_uniqueness(time_ns, known_at_ns).astype(np.float32),
    )


def _on_stride(time_ns: NDArray[np.int64], spec: DatasetSpec) -> NDArray[np.bool_]:
    return np.equal(time_ns // (spec.bar_seconds * _SECOND_NS) % spec.stride_bars, 0)


def _feature_blocks(
    bars: pd.DataFrame,
    usable: NDArray[np.bool_],
    names: tuple[str, ...],
    leaders: Mapping[str, pd.DataFrame],
) -> Iterator[NDArray[np.float32]]:
    """Yield the usable rows block by block, each computed from itself and its warm-up alone.

    A feature given only its warm-up has the value it has given all history, so blocks bound
    the memory and change nothing.
    """
    warmup = warmup_bars(names)
    for first in range(0, len(bars), BLOCK_BARS):
        last = min(first + BLOCK_BARS, len(bars))
        begin = max(0, first - warmup)
        features = compute_features(bars.iloc[begin:last], names, leaders)
        block = features.iloc[first - begin :]
        yield feature_matrix(block.loc[usable[first:last]], names)


def _join(symbols: tuple[str, ...], parts: list[_SymbolRows], spec: DatasetSpec) -> Dataset:
    counts = [len(part.labels) for part in parts]
    codes = np.repeat(np.arange(len(parts), dtype=np.int16), counts)
    order = np.lexsort((codes, np.concatenate([part.time_ns for part in parts])))
    return Dataset(
        names=spec.names,
        classes=classes(spec.label.kind),
        symbols=symbols,
        features=np.empty((len(order), 0), dtype=np.float32),
        labels=np.concatenate([part.labels for part in parts])[order],
        time=_utc(np.concatenate([part.time_ns for part in parts])[order]),
        known_at=_utc(np.concatenate([part.known_at_ns for part in parts])[order]),
        symbol_codes=codes[order],
        returns=np.concatenate([part.returns for part in parts])[order],
        uniqueness=np.concatenate([part.uniqueness for part in parts])[order],
    )


def _nanoseconds(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(index.as_unit("ns").asi8, dtype=np.int64)


def _utc(time_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time_ns.view("datetime64[ns]")).tz_localize("UTC")
