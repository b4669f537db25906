"""How a profile is trained for an audit: in seconds, and short-sighted or greedy on purpose."""

from dataclasses import replace

from pydantic import JsonValue

from signal_server.audit.markets import MAX_HORIZON_BARS
from signal_server.audit.subject import Subject

MAX_STRIDE_BARS = 5
LEAST_ROWS = 50


def quick(subject: Subject) -> Subject:
    """Return the subject with a horizon of 15 bars at most and a booster of 120 rounds at most.

    The way from bars to a fit stays the profile's own; its regularisation, meant for years of
    bars, would never split on a made market.
    """
    label = subject.label_config
    longest = MAX_HORIZON_BARS * subject.bar_seconds
    short = label.model_copy(update={"horizon_s": min(label.horizon_s, longest)})
    booster = subject.spec.training.booster
    return _trained(
        replace(
            subject,
            spec=replace(
                subject.spec, profile=subject.spec.profile.model_copy(update={"label": short})
            ),
        ),
        max_rounds=120,
        early_stopping_rounds=20,
        row_stride_bars=min(subject.spec.training.row_stride_bars, MAX_STRIDE_BARS),
        booster={
            "max_depth": 3,
            "learning_rate": 0.1,
            "min_child_weight": min(booster.min_child_weight, LEAST_ROWS),
            "reg_lambda": min(booster.reg_lambda, LEAST_ROWS),
        },
    )


def greedy(subject: Subject) -> Subject:
    """Return the subject with a booster whose every tree learns its rows by heart."""
    return _trained(
        subject,
        max_rounds=10,
        early_stopping_rounds=3,
        booster={
            "max_depth": 12,
            "learning_rate": 1.0,
            "min_child_weight": 0.0,
            "reg_lambda": 0.0,
            "subsample": 1.0,
            "colsample_bytree": 0.5,
        },
    )


def _trained(subject: Subject, **changes: JsonValue) -> Subject:
    here: dict[str, JsonValue] = {"external_memory": False, "scheduler": "none"}
    training = subject.spec.training.overridden(changes | here)
    return replace(subject, spec=replace(subject.spec, training=training))
