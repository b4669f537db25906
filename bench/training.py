"""Training against bare XGBoost on the same rows and parameters."""

import numpy as np
import xgboost as xgb

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.core.config import load_settings
from signal_server.features.catalogue import compute_features, feature_names
from signal_server.labels import make_labels
from signal_server.training.train import TrainingSpec, train

BARS = 60_000
PROFILE = "direction-15m"


def measure() -> list[Result]:
    """Return the time of a whole training, and of bare boosting for as many rounds."""
    bars, data = minute_bars(BARS)
    settings = load_settings()
    training = settings.training.model_copy(
        update={"booster": settings.training.booster.model_copy(update={"min_child_weight": 20})}
    )
    spec = TrainingSpec(PROFILE, settings.profiles[PROFILE], training, 60)
    trained = train({"BTC-USD": bars}, spec, lambda _stage, _share: None)
    names = feature_names(spec.profile.features, trade_counts=False)
    labels = make_labels(bars, spec.profile.label, 60)["label"].to_numpy()
    rows = np.flatnonzero(np.isfinite(labels))[:: training.row_stride_bars]
    rows = rows[: trained.card.windows.train.rows]
    matrix = compute_features(bars, names).to_numpy(dtype="float32")[rows]
    parameters = training.booster.model_dump() | {"objective": "binary:logistic", "nthread": 1}

    def bare() -> None:
        data = xgb.QuantileDMatrix(matrix, labels[rows], nthread=1)
        xgb.train(parameters, data, max(1, trained.card.rounds))

    ours, other = interleaved_ms(
        lambda: train({"BTC-USD": bars}, spec, lambda _stage, _share: None), bare, 3
    )
    what = f"{PROFILE}, {len(rows):,} train rows of {data}"
    floor = "bare xgboost.train of the kept rounds, without features, stopping, validation"
    return [Result("train_whole", round(ours), "ms", round(other), floor, what)]
