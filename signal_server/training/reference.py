"""What a model's inputs and outputs looked like in training, and how far others are from that."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from signal_server.core.errors import ModelError
from signal_server.training.dataset import Dataset
from signal_server.training.splits import Part

DECILES = 10
MAX_ROWS = 100_000
_MIN_SHARE = 1e-4
"""A bin without a row counts as this share, or one empty bin would make the index infinite."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Shares of the values between rising, distinct `edges`.

    Bin i holds the values v with edges[i-1] <= v < edges[i]; there is one bin more than edges.
    `missing` is the share of NaN among all; `shares` are those of the rest and sum to 1.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> "Distribution":
        """Cut `values` at their deciles; equal deciles count once. NaN is missing."""
        known = values[~np.isnan(values)]
        levels = np.arange(1, DECILES) / DECILES
        cuts = np.unique(np.quantile(known, levels)) if len(known) else np.empty(0)
        edges = tuple(float(edge) for edge in cuts)
        return cls(edges, *_shares(values, edges))

    def shares_of(self, values: NDArray[np.floating]) -> "Distribution":
        """Return how other values fall between the same edges."""
        return Distribution(self.edges, *_shares(values, self.edges))


@dataclass(frozen=True, slots=True)
class Reference:
    """What to compare live rows with.

    `features` are those of the train part's rows, all symbols together; `confidence` is that of
    the calibrated predictions for the test part, which the model had not seen. `start` and `end`
    are the closes of the train part's first and last bar, tz-aware UTC. `test_drift` is each
    feature's stability index from the train to the test part: what of drift was already there
    when the model was judged.
    """

    start: datetime
    end: datetime
    rows: int
    features: dict[str, Distribution]
    confidence: Distribution
    test_drift: dict[str, float] = field(default_factory=dict)


def make_reference(
    dataset: Dataset, parts: tuple[Part, Part], confidence: NDArray[np.float64]
) -> Reference:
    """Describe the rows of the train and the test part, at most 100,000 of each, evenly spread.

    `confidence` is that of the calibrated predictions for the test part.
    """
    train, test = (dataset.features[_spread(part)].T for part in parts)
    described = {
        name: Distribution.of(values) for name, values in zip(dataset.names, train, strict=True)
    }
    drift = {
        name: stability_index(found, found.shares_of(values))
        for (name, found), values in zip(described.items(), test, strict=True)
    }
    return Reference(
        start=dataset.time[parts[0].rows[0]].to_pydatetime(),
        end=dataset.time[parts[0].rows[-1]].to_pydatetime(),
        rows=len(parts[0].rows),
        features=described,
        confidence=Distribution.of(confidence),
        test_drift=drift,
    )


def stability_index(reference: Distribution, found: Distribution) -> float:
    """Return the population stability index (PSI) of two distributions over the same edges.

    It sums (found - reference) ln(found / reference) over the bins and the missing values. By the
    usual rule under 0.1 is no change and above 0.25 a large one. Source: Siddiqi, Credit Risk
    Scorecards (2006).
    """
    before, now = _all_shares(reference), _all_shares(found)
    return float(((now - before) * np.log(now / before)).sum())


def reference_to_json(reference: Reference) -> bytes:
    """Return the reference as indented JSON, UTF-8."""
    return _REFERENCE.dump_json(reference, indent=2)


def reference_from_json(content: bytes) -> Reference:
    """Read a reference; raise `ModelError` when it is none."""
    try:
        return _REFERENCE.validate_json(content)
    except ValidationError as error:
        raise ModelError(f"the reference does not fit this program: {error.title}") from error


_REFERENCE = TypeAdapter(Reference)


def _spread(part: Part) -> NDArray[np.int64]:
    return part.rows[:: -(-len(part.rows) // MAX_ROWS)]


def _shares(
    values: NDArray[np.floating], edges: tuple[float, ...]
) -> tuple[tuple[float, ...], float]:
    known = values[~np.isnan(values)]
    bins = np.searchsorted(np.asarray(edges), known, side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    shares = counts / max(1, len(known))
    missing = 1.0 - len(known) / len(values) if len(values) else 0.0
    return tuple(float(share) for share in shares), missing


def _all_shares(found: Distribution) -> NDArray[np.float64]:
    shares = np.append(np.asarray(found.shares) * (1 - found.missing), found.missing)
    return np.asarray(np.maximum(shares, _MIN_SHARE), dtype=np.float64)
