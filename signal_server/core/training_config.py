"""How models are trained: split, booster, weights, constraints, and where the work is done."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from signal_server.core.section import Positive, Section, Share

Seed = Annotated[int, Field(ge=0, lt=2**31)]
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d+")


class SampleWeights(StrEnum):
    """What a row counts for in training: all the same, or its label's average uniqueness."""

    NONE = "none"
    UNIQUENESS = "uniqueness"


class Device(StrEnum):
    """Where trees are grown."""

    CPU = "cpu"
    CUDA = "cuda"


class BoosterConfig(Section):
    """XGBoost parameters, by XGBoost's own names."""

    max_depth: Positive
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    min_child_weight: Annotated[float, Field(ge=0)]
    reg_lambda: Annotated[float, Field(ge=0)]
    subsample: Annotated[float, Field(gt=0, le=1)]
    colsample_bytree: Annotated[float, Field(gt=0, le=1)]


class TrainingConfig(Section):
    """Time-ordered split, early stopping and booster.

    With `refit` a booster fitted again on all rows is served; without, the one that was evaluated.
    `pooled` is one model for all symbols; otherwise each has its own. `monotone_constraints` gives
    a feature's name 1 (UP rises with it) or -1; features of one group of
    `interaction_constraints` may meet in a tree, and features of no group with none.
    `mirror` learns from every row also its mirror image, prices inverted and UP for DOWN.
    `external_memory` keeps the rows on disk. `scheduler` is `none` for this process, `local` for
    `workers` processes of this machine, or the address of a Dask scheduler, as tcp://host:port.
    `prior_trials` are models that were tried elsewhere before; they change no model, but what its
    results are worth.
    """

    seed: Seed
    validation_share: Share
    calibration_share: Share
    test_share: Share
    max_rounds: Positive
    early_stopping_rounds: Positive
    row_stride_bars: Positive
    use_trade_counts: bool
    booster: BoosterConfig
    refit: bool = False
    pooled: bool = True
    mirror: bool = False
    sample_weights: SampleWeights = SampleWeights.NONE
    monotone_constraints: dict[str, Literal[-1, 1]] = Field(default_factory=dict)
    interaction_constraints: tuple[tuple[str, ...], ...] = ()
    device: Device = Device.CPU
    external_memory: bool = False
    scheduler: str = "none"
    workers: Positive = 2
    prior_trials: Annotated[int, Field(ge=0)] = 0

    @field_validator("scheduler")
    @classmethod
    def _is_a_scheduler(cls, scheduler: str) -> str:
        if scheduler not in ("none", "local") and not _ADDRESS.fullmatch(scheduler):
            raise ValueError(
                f"{scheduler!r} is neither none, local nor an address: tcp://host:port"
            )
        return scheduler

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.validation_share + self.calibration_share + self.test_share > 0.8:
            raise ValueError("validation, calibration and test shares leave under 20% to train on")
        if self.external_memory and self.scheduler != "none":
            raise ValueError("external_memory is for scheduler none; a cluster spreads the rows")
        return self

    def overridden(self, changes: Mapping[str, JsonValue]) -> "TrainingConfig":
        """Return these settings with `changes`; a nested section changes key by key.

        Raises pydantic's `ValidationError` when a key is unknown or a value is bad.
        """
        merged = self.model_dump() | dict(changes)
        booster = changes.get("booster")
        if isinstance(booster, dict):
            merged["booster"] = self.booster.model_dump() | booster
        return TrainingConfig.model_validate(merged)
