"""What the log knows of how a model version does live: its inputs, its calls, what came of them.

What a version called in shadow, as a challenger, counts as much as what it published.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.journal.journal import Journal, to_text

Version = tuple[str, str]
"""A model's id and version."""

_TABLES = ("ml_predictions", "shadow_predictions")
_MODEL = "model_id = :id AND model_version = :version"
_KNOWN = " UNION ALL ".join(
    f"SELECT * FROM (SELECT bar_close, correct FROM {table}"  # noqa: S608 (the text is constant)
    f" WHERE {_MODEL} AND correct IS NOT NULL ORDER BY bar_close DESC LIMIT :newest)"
    for table in _TABLES
)
_CAME_TRUE = f"SELECT * FROM ({_KNOWN}) ORDER BY bar_close DESC LIMIT :newest"  # noqa: S608
# One call a symbol and horizon: the outcomes of those between would overlap with it.
_APART = " UNION ALL ".join(
    f"SELECT * FROM (SELECT bar_close, confidence, correct FROM {table}"  # noqa: S608
    f" WHERE {_MODEL} AND correct IS NOT NULL"
    " AND unixepoch(bar_close) % horizon_s < :bar_seconds"
    " ORDER BY bar_close DESC LIMIT :newest)"
    for table in _TABLES
)
_OUTCOMES = f"SELECT * FROM ({_APART}) ORDER BY bar_close DESC LIMIT :newest"  # noqa: S608
_CALLS = " UNION ALL ".join(
    f"SELECT id, bar_close, confidence FROM {table} WHERE {_MODEL} AND bar_close > :since"  # noqa: S608
    for table in _TABLES
)
_COUNT = f"SELECT count(*) AS rows FROM ({_CALLS})"  # noqa: S608
# Knuth's multiplicative hash of the id: every n-th id would pick the same symbols each minute.
_SAMPLED = "(id * 2654435761) % 4294967296 <= :share * 4294967296"
_CONFIDENCES = f"SELECT confidence FROM ({_CALLS}) WHERE {_SAMPLED}"  # noqa: S608
_FEATURES = f"""
SELECT f.features FROM (
    SELECT id FROM ml_predictions WHERE {_MODEL} AND bar_close > :since AND {_SAMPLED}
) p JOIN ml_features f ON f.prediction_id = p.id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Calls:
    """What went in and came out of a version live: features by name, NaN where undefined."""

    features: pd.DataFrame
    confidence: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Calls whose horizons do not overlap within a symbol, newest first; `correct` is 0 or 1."""

    confidence: NDArray[np.float64]
    correct: NDArray[np.float64]


def live_accuracy(
    journal: Journal, models: Sequence[Version], newest: int
) -> tuple[int, float | None]:
    """Return how many of the `newest` outcomes are known and the share of right calls, or None.

    They are the newest of all `models` together.
    """
    found = _column(_newest(journal, _CAME_TRUE, models, {"newest": newest}), "correct")
    return len(found), float(found.mean()) if len(found) else None


def live_outcomes(
    journal: Journal, models: Sequence[Version], newest: int, bar_seconds: int
) -> Outcomes:
    """Return the `newest` known outcomes that share no part of their horizon within a symbol.

    They are the newest of all `models` together. The clock is cut into horizons, and a call from
    the first bar of each counts.
    """
    limits = {"newest": newest, "bar_seconds": bar_seconds}
    rows = _newest(journal, _OUTCOMES, models, limits)
    return Outcomes(_column(rows, "confidence"), _column(rows, "correct"))


def live_calls(journal: Journal, model: Version, since: datetime, limit: int) -> Calls:
    """Return about `limit` rows, evenly chosen among those of bars that closed after `since`.

    Features are kept of published predictions alone.
    """
    chosen = _named(model) | {"since": to_text(since)}
    (counted,) = journal.query(_COUNT, chosen)
    chosen["share"] = min(1.0, limit / max(1, counted["rows"]))
    rows = journal.query(_FEATURES, chosen)
    features = pd.DataFrame([json.loads(row["features"]) for row in rows], dtype="float64")
    return Calls(features, _column(journal.query(_CONFIDENCES, chosen), "confidence"))


def _newest(
    journal: Journal, query: str, models: Sequence[Version], limits: dict[str, int]
) -> list[dict[str, Any]]:
    """Return the newest rows of all models, of each by a query that can use the index."""
    rows = [row for model in models for row in journal.query(query, _named(model) | limits)]
    if len(models) > 1:
        rows.sort(key=lambda row: str(row["bar_close"]), reverse=True)
    return rows[: limits["newest"]]


def _named(model: Version) -> dict[str, Any]:
    return {"id": model[0], "version": model[1]}


def _column(rows: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in rows], dtype=np.float64)
