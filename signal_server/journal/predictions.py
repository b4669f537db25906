"""Predictions as they were published, each with the feature row it rests on."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from signal_server.core.config import BarrierConfig
from signal_server.core.domain import Direction, Signal
from signal_server.journal.journal import Journal, from_text, to_text

_INSERT = """
INSERT INTO {table} (timestamp, symbol, prediction, confidence, bar_close, valid_until,
    known_at, horizon_s, threshold_bps, probability_down, probability_flat, probability_up,
    reference_price, volatility, model_id, model_version, schema_hash, flags, barriers)
VALUES (:timestamp, :symbol, :prediction, :confidence, :bar_close, :valid_until,
    :known_at, :horizon_s, :threshold_bps, :probability_down, :probability_flat, :probability_up,
    :reference_price, :volatility, :model_id, :model_version, :schema_hash, :flags, :barriers)
ON CONFLICT (symbol, bar_close, model_id, model_version) DO NOTHING
"""
_INSERT_PREDICTION = _INSERT.format(table="ml_predictions")
_INSERT_SHADOW = _INSERT.format(table="shadow_predictions")
_INSERT_FEATURES = """
INSERT INTO ml_features (prediction_id, timestamp, symbol, schema_hash, features)
VALUES (?, ?, ?, ?, ?)
"""


PAGE_ROWS = 200
_AFTER = "id > :after AND (:symbols IS NULL OR symbol IN (SELECT value FROM json_each(:symbols)))"
_PAGE = f"SELECT * FROM ml_predictions WHERE {_AFTER} ORDER BY id LIMIT :limit"  # noqa: S608
_FLOOR = f"""
SELECT min(id) AS least FROM (
    SELECT id FROM ml_predictions WHERE {_AFTER} ORDER BY id DESC LIMIT :limit)
"""  # noqa: S608 (the text is constant)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A signal that has no id yet, its features by name, and what came true is judged by.

    `threshold_bps` is that of a trend at this bar, 0 for other labels; `barriers` are those of a
    label that says how a trade ends. The `signal.id` is ignored.
    """

    signal: Signal
    features: Mapping[str, float]
    threshold_bps: float
    barriers: BarrierConfig | None = None


def record_prediction(journal: Journal, prediction: Prediction) -> Signal | None:
    """Store the prediction and return its signal with a new id, greater than all before.

    Return None, and store nothing, if this model version has predicted this bar already.
    """
    return record_predictions(journal, [prediction])[0]


def record_predictions(journal: Journal, predictions: Sequence[Prediction]) -> list[Signal | None]:
    """Store all in one transaction; return what `record_prediction` returns for each, in order."""
    with journal.transaction():
        ids = [_record(journal, prediction) for prediction in predictions]
    pairs = zip(predictions, ids, strict=True)
    return [replace(made.signal, id=new_id) if new_id else None for made, new_id in pairs]


def record_shadows(journal: Journal, predictions: Sequence[Prediction]) -> None:
    """Store what challengers predict, apart from what is published, in one transaction."""
    with journal.transaction():
        for prediction in predictions:
            journal.execute(_INSERT_SHADOW, _prediction_row(prediction))


def newest_id(journal: Journal) -> int:
    """Return the greatest signal id ever given, 0 if none was."""
    found = journal.query("SELECT seq FROM sqlite_sequence WHERE name = 'ml_predictions'")
    return int(found[0]["seq"]) if found else 0


def signals_after(
    journal: Journal, after_id: int, limit: int, symbols: Collection[str] | None = None
) -> Iterator[Signal]:
    """Give the newest `limit` signals with a greater id, in order of id.

    `symbols` None means any. Rows are read page by page, those that come meanwhile too.
    """
    chosen = {"symbols": None if symbols is None else json.dumps(sorted(symbols))}
    (row,) = journal.query(_FLOOR, chosen | {"after": after_id, "limit": limit})
    floor = after_id if row["least"] is None else row["least"] - 1
    while rows := journal.query(_PAGE, chosen | {"after": floor, "limit": PAGE_ROWS}):
        yield from map(_signal, rows)
        floor = rows[-1]["id"]


def valid_signals(journal: Journal, now: datetime) -> list[Signal]:
    """Return the newest signal of each symbol that has not expired at `now`, in order of id."""
    rows = journal.query(
        "SELECT *, max(id) FROM ml_predictions WHERE valid_until > ? GROUP BY symbol ORDER BY id",
        (to_text(now),),
    )
    return [_signal(row) for row in rows]


def _record(journal: Journal, prediction: Prediction) -> int | None:
    new_id = journal.execute(_INSERT_PREDICTION, _prediction_row(prediction))
    if new_id is not None:
        journal.execute(_INSERT_FEATURES, (new_id, *_feature_row(prediction)))
    return new_id


def _prediction_row(prediction: Prediction) -> dict[str, Any]:
    signal, barriers = prediction.signal, prediction.barriers
    share = signal.probabilities
    # A trade may be entered, and its time begin, until the signal expires.
    ends_s = signal.horizon_s + (barriers.signal_valid_s if barriers else 0)
    return {
        "timestamp": to_text(signal.issued_at),
        "symbol": signal.symbol,
        "prediction": signal.direction.value,
        "confidence": signal.confidence,
        "bar_close": to_text(signal.bar_close),
        "valid_until": to_text(signal.valid_until),
        "known_at": to_text(signal.bar_close + timedelta(seconds=ends_s)),
        "horizon_s": signal.horizon_s,
        "threshold_bps": prediction.threshold_bps,
        "probability_down": share.get(Direction.DOWN, 0.0),
        "probability_flat": share.get(Direction.FLAT, 0.0),
        "probability_up": share.get(Direction.UP, 0.0),
        "reference_price": signal.reference_price,
        "volatility": signal.volatility,
        "model_id": signal.model_id,
        "model_version": signal.model_version,
        "schema_hash": signal.schema_hash,
        "flags": json.dumps(list(signal.flags)),
        "barriers": barriers.model_dump_json() if barriers else None,
    }


def _feature_row(prediction: Prediction) -> tuple[str, str, str, str]:
    signal = prediction.signal
    # JSON has no NaN; SQLite's JSON functions refuse the word.
    values = to_json(prediction.features, inf_nan_mode="null").decode()
    return (to_text(signal.bar_close), signal.symbol, signal.schema_hash, values)


def _signal(row: Mapping[str, Any]) -> Signal:
    probabilities = {
        Direction.DOWN: row["probability_down"],
        Direction.FLAT: row["probability_flat"],
        Direction.UP: row["probability_up"],
    }
    if not row["threshold_bps"] and row["barriers"] is None:
        del probabilities[Direction.FLAT]
    return Signal(
        id=row["id"],
        model_id=row["model_id"],
        model_version=row["model_version"],
        symbol=row["symbol"],
        bar_close=from_text(row["bar_close"]),
        issued_at=from_text(row["timestamp"]),
        valid_until=from_text(row["valid_until"]),
        horizon_s=row["horizon_s"],
        probabilities=probabilities,
        direction=Direction(row["prediction"]),
        confidence=row["confidence"],
        reference_price=row["reference_price"],
        volatility=row["volatility"],
        schema_hash=row["schema_hash"],
        flags=tuple(json.loads(row["flags"])),
    )
