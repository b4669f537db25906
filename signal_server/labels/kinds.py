"""The kinds of labels, and what is common to them."""

import pandas as pd

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import Direction
from signal_server.labels.barriers import barrier_labels
from signal_server.labels.horizon import horizon_labels

_TWO = (Direction.DOWN, Direction.UP)
_THREE = (Direction.DOWN, Direction.FLAT, Direction.UP)


def classes(kind: LabelKind) -> tuple[Direction, ...]:
    """Return the classes in the order of their label index."""
    return _TWO if kind is LabelKind.DIRECTION else _THREE


def make_labels(bars: pd.DataFrame, label: LabelConfig, bar_seconds: int) -> pd.DataFrame:
    """Return `label` (class index, NaN while unknown), `known_at` (UTC) and `forward_return`.

    Rows are the bars'; `forward_return` is a share, NaN while unknown. A label's row and all that
    follows it decide it, and nothing that closes after `known_at`.
    """
    if label.barriers is not None:
        return barrier_labels(bars, label, label.barriers, bar_seconds)
    return horizon_labels(bars, label, bar_seconds)
