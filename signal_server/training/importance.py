"""Which features a booster uses, and how much each moves its forecasts."""

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from signal_server.training.dataset import Dataset

SAMPLE_ROWS = 2_000


def gain_shares(booster: xgb.Booster, names: tuple[str, ...]) -> dict[str, float]:
    """Return each used feature's share of what all splits gained, largest first.

    Empty when no split was worth it.
    """
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values())
    largest_first = sorted(gains, key=lambda position: -gains[position])
    return {names[int(position[1:])]: gains[position] / total for position in largest_first}


def shap_means(booster: xgb.Booster, dataset: Dataset, rows: NDArray[np.int64]) -> dict[str, float]:
    """Return each used feature's mean absolute SHAP value, in logits, largest first.

    Measured on at most 2,000 of `rows`, evenly spread; with three classes, the mean over them.
    Source: Lundberg et al., Consistent Individualized Feature Attribution for Tree Ensembles
    (2018), as XGBoost computes it.
    """
    spread = np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE_ROWS)).astype(np.int64)
    sample = xgb.DMatrix(dataset.features[rows[spread]], nthread=1)
    contributions = np.abs(booster.predict(sample, pred_contribs=True))
    means = contributions.reshape(len(spread), -1, len(dataset.names) + 1).mean(axis=(0, 1))
    largest_first = np.argsort(-means[:-1], kind="stable")
    return {dataset.names[i]: float(means[i]) for i in largest_first if means[i] > 0}
