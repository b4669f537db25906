"""Whether two computations of the same features agree."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TOLERANCE = 1e-9
"""Relative to the value, or to the feature's own standard deviation where that is more: what the
catalogue promises. Rounding stays a thousand times below it, a leak lies far above."""

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Differences:
    """The first difference of each feature, in words; `findings` has one sentence a feature."""

    _first: dict[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[str, ...]:
        """Return one sentence for each feature that differed."""
        return tuple(self._first.values())

    def compare(
        self, where: str, pair: tuple[pd.DataFrame, pd.DataFrame], unit: Floats, when: str
    ) -> None:
        """Note where the second frame of `pair` differs from the first, of like index and columns.

        `where` names symbol and market, `unit` is each column's `spread`, and `when` ends the
        sentence "it is … but … ". NaN equals NaN.
        """
        one, other = (frame.to_numpy(np.float64) for frame in pair)
        wrong = differing(one, other, unit)
        for column in np.flatnonzero(wrong.any(axis=0)):
            name, row = str(pair[0].columns[column]), int(np.argmax(wrong[:, column]))
            at = f"{pair[0].index[row]:%Y-%m-%d %H:%M:%S}"
            values = f"{one[row, column]:.9g}, but {other[row, column]:.9g}"
            self._first.setdefault(name, f"{name} of {where} at {at} is {values} {when}")


def spread(values: Floats) -> Floats:
    """Return each column's standard deviation over its finite values; 0 if it has none."""
    finite = np.isfinite(values)
    count = np.maximum(finite.sum(axis=0), 1)
    known = np.where(finite, values, 0.0)
    mean = known.sum(axis=0) / count
    variance = (np.where(finite, values - mean, 0.0) ** 2).sum(axis=0) / count
    return np.asarray(np.sqrt(variance), dtype=np.float64)


def differing(
    one: Floats, other: Floats, unit: Floats, tolerance: float = TOLERANCE
) -> NDArray[np.bool_]:
    """Tell which values are not the same within the tolerance; NaN and NaN are."""
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= tolerance * np.maximum(np.abs(one), unit)
    same = near | (one == other) | (np.isnan(one) & np.isnan(other))
    return np.asarray(~same, dtype=np.bool_)
