"""The market in a mirror: every price p becomes 1 / p, and rises are falls of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.catalogue import find_features


@dataclass(frozen=True, slots=True)
class FeatureMirror:
    """Turns feature rows into those of the mirrored market; `signs` and `offsets` are (names,)."""

    signs: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mirrored rows (rows, names), float32; NaN stays NaN."""
        return np.asarray(self.offsets + self.signs * features, dtype=np.float32)


def mirror_of(names: Sequence[str]) -> FeatureMirror:
    """Return the mirror of these features.

    Raises `SchemaMismatchError` naming those of which it is not said how they are mirrored.
    """
    found = find_features(names)
    silent = [feature.name for feature in found if feature.mirror is None]
    if silent:
        raise SchemaMismatchError(
            f"it is not said what a mirrored market makes of {', '.join(silent)}; "
            "give it `mirror` where it is defined, or set training.mirror: false"
        )
    pairs = [feature.mirror.value for feature in found if feature.mirror is not None]
    table = np.asarray(pairs, dtype=np.float32).reshape(-1, 2)
    return FeatureMirror(table[:, 0], table[:, 1])
