"""Median and worst of durations, gathered over a while and then reported."""

from datetime import datetime
from statistics import median

from signal_server.journal.health import Metric


class Durations:
    """Durations under one name, in milliseconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values_ms: list[float] = []

    def add(self, duration_s: float) -> None:
        """Take in one duration, in seconds."""
        self._values_ms.append(duration_s * 1000.0)

    def report(self, at: datetime) -> list[Metric]:
        """Return median, worst and count since the last report, and begin anew."""
        values, self._values_ms = self._values_ms, []
        if not values:
            return []
        return [
            Metric(f"{self._name}_median", median(values), "ms", at),
            Metric(f"{self._name}_worst", max(values), "ms", at),
            Metric(f"{self._name}_count", float(len(values)), "count", at),
        ]
