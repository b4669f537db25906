"""Measurements of the running server: one row each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from signal_server.journal.journal import Journal, to_text


@dataclass(frozen=True, slots=True)
class Metric:
    """One measurement; `at` is tz-aware UTC."""

    name: str
    value: float
    unit: str
    at: datetime


def record_metrics(journal: Journal, metrics: Iterable[Metric]) -> None:
    """Store all measurements in one transaction."""
    with journal.transaction():
        for metric in metrics:
            journal.execute(
                "INSERT INTO health_metrics (name, value, unit, at) VALUES (?, ?, ?, ?)",
                (metric.name, metric.value, metric.unit, to_text(metric.at)),
            )


def newest_metrics(journal: Journal) -> list[dict[str, Any]]:
    """Return the newest row of each name: name, value, unit, at."""
    return journal.query(
        "SELECT name, value, unit, at FROM health_metrics"
        " WHERE id IN (SELECT max(id) FROM health_metrics GROUP BY name) ORDER BY name"
    )
