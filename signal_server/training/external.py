"""Rows that stay on disk: a dataset in a file, and XGBoost's pages made from it."""

import mmap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from signal_server.core.training_config import TrainingConfig
from signal_server.training.dataset import (
    Dataset,
    DatasetSpec,
    Progress,
    iter_blocks,
    outline_dataset,
)
from signal_server.training.mirroring import lesson_of
from signal_server.training.parameters import threads, weights_of

PAGE_ROWS = 200_000
FEATURES = "features.f32"
_PREFIX, _LOCK = "rows-", ".lock"
_BY_SYMBOL = "features-by-symbol.f32"


@contextmanager
def dataset_on_disk(
    bars_by_symbol: Mapping[str, pd.DataFrame],
    spec: DatasetSpec,
    scratch: Path | None,
    progress: Progress,
) -> Iterator[Dataset]:
    """Build the dataset that `build_dataset` builds, with its features in a file.

    The file is in a folder of its own under `scratch` (the system's for temporary files unless
    given), needs 4 bytes a value, twice that while it is built, and is gone afterwards; what a
    killed training left in `scratch` goes with the next one.
    Holds the bars of one symbol at a time, if the mapping does.
    """
    with _folder_in(scratch) as folder:
        outline = outline_dataset(bars_by_symbol, spec)
        _write_by_symbol(bars_by_symbol, outline, folder / _BY_SYMBOL, progress)
        _sort_by_time(outline, folder)
        shape = (len(outline), len(outline.names))
        features = np.memmap(folder / FEATURES, dtype=np.float32, mode="r", shape=shape)
        yield replace(outline, features=features)


@contextmanager
def _folder_in(scratch: Path | None) -> Iterator[Path]:
    """Make a folder for the block; one without a living owner, who holds its lock, is removed."""
    if scratch is None:
        with TemporaryDirectory(prefix=_PREFIX) as name:
            yield Path(name)
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with FileLock(scratch.with_suffix(_LOCK)):
            for left in scratch.glob(f"{_PREFIX}*"):
                with suppress(Timeout), FileLock(left / _LOCK, timeout=0):
                    rmtree(left, ignore_errors=True)
            name = stack.enter_context(TemporaryDirectory(prefix=_PREFIX, dir=scratch))
            stack.enter_context(FileLock(Path(name) / _LOCK))
        yield Path(name)


@contextmanager
def pages_of(dataset: Dataset, training: TrainingConfig) -> Iterator["Pages"]:
    """Make matrices of parts of a dataset, whose pages are in files until the end of the block."""
    features = dataset.features
    home = Path(str(features.filename)).parent if isinstance(features, np.memmap) else None
    with TemporaryDirectory(prefix="pages-", dir=home) as folder:
        yield Pages(dataset, training, Path(folder))


@dataclass(frozen=True, slots=True)
class Pages:
    """Where XGBoost keeps the pages of a dataset's rows while it trains."""

    dataset: Dataset
    training: TrainingConfig
    folder: Path

    def matrix(
        self, rows: NDArray[np.int64], bins_of: xgb.ExtMemQuantileDMatrix | None
    ) -> xgb.ExtMemQuantileDMatrix:
        """Return a matrix of some rows; at most 200,000 of them are in memory at a time."""
        cache = self.folder / str(len(list(self.folder.iterdir())))
        cache.mkdir()
        source = _PartIterator(self, rows, str(cache / "page"))
        return xgb.ExtMemQuantileDMatrix(source, ref=bins_of, nthread=threads(len(rows)))


def release(features: NDArray[np.float32]) -> None:
    """Tell the kernel that mapped features need not stay in memory; others are left alone."""
    if isinstance(features, np.memmap) and isinstance(features.base, mmap.mmap):
        features.base.madvise(mmap.MADV_DONTNEED)


class _PartIterator(xgb.DataIter):  # type: ignore[misc]
    """Hand XGBoost the rows of one part, page by page."""

    def __init__(self, pages: Pages, rows: NDArray[np.int64], cache_prefix: str) -> None:
        super().__init__(cache_prefix=cache_prefix)
        self._pages = pages
        self._rows = rows
        self._weights = weights_of(pages.dataset, rows, pages.training)
        self._next = 0

    def next(self, input_data: Any) -> bool:
        """Hand over the next page; return whether there was one."""
        page = slice(self._next, self._next + PAGE_ROWS)
        rows = self._rows[page]
        if not len(rows):
            return False
        dataset = self._pages.dataset
        weights = None if self._weights is None else self._weights[page]
        lesson = lesson_of(dataset, rows, weights, self._pages.training)
        release(dataset.features)
        input_data(data=lesson.features, label=lesson.labels, weight=lesson.weights)
        self._next += len(rows)
        return True

    def reset(self) -> None:
        """Begin again with the first page."""
        self._next = 0


def _write_by_symbol(
    bars_by_symbol: Mapping[str, pd.DataFrame], outline: Dataset, path: Path, progress: Progress
) -> None:
    done = 0
    with path.open("wb") as file:
        for block in iter_blocks(bars_by_symbol, outline):
            block.features.tofile(file)
            done += len(block.rows)
            progress(done / len(outline))


def _sort_by_time(outline: Dataset, folder: Path) -> None:
    """Write the features again in the dataset's order, reading each symbol's piece of a page."""
    width = len(outline.names)
    counts = np.bincount(outline.symbol_codes, minlength=len(outline.symbols))
    cursors = np.cumsum(counts) - counts
    with (folder / _BY_SYMBOL).open("rb") as source, (folder / FEATURES).open("wb") as target:
        for first in range(0, len(outline), PAGE_ROWS):
            codes = outline.symbol_codes[first : first + PAGE_ROWS]
            page = np.empty((len(codes), width), dtype=np.float32)
            for code in np.unique(codes):
                mine = codes == code
                count = int(mine.sum())
                source.seek(int(cursors[code]) * width * 4)
                page[mine] = np.fromfile(source, np.float32, count * width).reshape(count, width)
                cursors[code] += count
            page.tofile(target)
    (folder / _BY_SYMBOL).unlink()
