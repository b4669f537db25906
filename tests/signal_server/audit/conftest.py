"""A subject that is quick to audit, and one whose only feature is planted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from signal_server.audit.run import CHECKS, run_check
from signal_server.audit.subject import Frames, Subject, subject_of
from signal_server.core.config import LabelConfig, LabelKind, ProfileConfig, TrainingConfig
from signal_server.training.train import TrainingSpec

PROJECT = Path(__file__).parents[3]
LABEL = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=900)

Feature = Callable[[pd.DataFrame, Frames], pd.Series]
"""Takes the bars and those of the leaders."""


def training() -> TrainingConfig:
    settings = yaml.safe_load((PROJECT / "conf/signal_server.yml").read_text())
    return TrainingConfig.model_validate(settings["training"])


@pytest.fixture(scope="session")
def product() -> Subject:
    """The product with the six features and a label of 15 minutes."""
    profile = ProfileConfig(label=LABEL, features="six")
    return subject_of(TrainingSpec("audited", profile, training(), 60))


@pytest.fixture
def plant(product: Subject) -> Callable[..., Subject]:
    """Return a subject whose only feature, called leak, is the given one."""

    def make(feature: Feature, warmup: int = 100, leaders: tuple[str, ...] = ()) -> Subject:
        def compute(bars: pd.DataFrame, _names: Sequence[str], others: Frames) -> pd.DataFrame:
            values = feature(bars, others)
            return pd.DataFrame({"leak": values.where(values.index >= _first(bars, warmup))})

        return replace(
            product, names=("leak",), leaders=leaders, compute=compute, warmup=lambda _: warmup
        )

    return make


def _first(bars: pd.DataFrame, warmup: int) -> pd.Timestamp:
    return bars.index[warmup - 1] if len(bars) >= warmup else pd.Timestamp.max.tz_localize("UTC")


@pytest.fixture(scope="session")
def findings_of() -> Callable[..., tuple[str, ...]]:
    """Run one check by its name, on made markets alone unless a market is given."""

    def run(name: str, subject: Subject, market: object = None) -> tuple[str, ...]:
        check = next(check for check in CHECKS if check.name == name)
        if market is None:
            check = replace(check, audited=False)
        return run_check(check, subject, market, lambda _, __: None).findings  # type: ignore[arg-type]

    return run
