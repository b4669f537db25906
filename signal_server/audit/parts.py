"""Whether rows that were held out are really unseen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.audit.comparison import differing, spread
from signal_server.audit.future import FUTURES, with_future
from signal_server.audit.markets import Market
from signal_server.audit.pace import quick
from signal_server.audit.subject import Learned, Subject
from signal_server.training.dataset import Dataset
from signal_server.training.splits import Part, Schedule, Step

FLOAT32 = 1e-6
"""Relative: a dataset's features are float32, whose last digit is 1.2e-7 of the value."""

STEPS = 10
EMBARGO_BARS = 60
SHOWN = "%Y-%m-%d %H:%M:%S"


def purge(subject: Subject, market: Market) -> tuple[str, ...]:
    """Cut the market's rows into parts, and look at what each part may know.

    Parts follow each other in time and share no row; each label of a part is known before the next
    part begins. The same holds for the folds of tuning, of which none reaches into calibration.
    """
    dataset = subject.dataset(market.bars)
    if not dataset.time.is_monotonic_increasing:
        return ("the rows are not in time order",)
    split = subject.parts(dataset)
    pairs = [*pairwise(split.parts)]
    for fold in subject.folds(dataset, subject.spec.training):
        learned, judged = replace(fold.learn, name="learned"), replace(fold.judge, name="judged")
        pairs += [(learned, judged), (judged, split.calibration)]
    return tuple(text for pair in pairs for text in _overlap(dataset, *pair))


def walk_forward(subject: Subject, market: Market) -> tuple[str, ...]:
    """Walk over the later half of the market's rows in ten steps, and look at each step's parts.

    Each is purged as in training; its labels are known before the embargo, an hour of minutes
    before its moment; it forecasts the rows up to the next moment, and none is forecast twice.
    """
    dataset = subject.dataset(market.bars)
    schedule = _schedule(dataset, subject.bar_seconds)
    steps = subject.steps(dataset.time, dataset.known_at, schedule, subject.spec.training)
    found: list[str] = []
    forecast = np.zeros(len(dataset), dtype=np.int64)
    for step in steps:
        forecast[step.split.test.rows] += 1
        found += [f"at {step.moment:{SHOWN}}: {text}" for text in _step(dataset, step, schedule)]
    if not forecast.any():
        found.append("no row is forecast")
    if forecast.max() > 1:
        found.append(f"{int((forecast > 1).sum()):,} rows are forecast more than once")
    return tuple(found)


def past_rows(subject: Subject, market: Market) -> tuple[str, ...]:
    """Build the dataset again with another market after a moment, two thirds of the way.

    Rows whose bar had closed by then keep their features (to 1e-6, float32), and those whose label
    was known by then label and return: nothing is scaled, selected or filled by what came later.
    """
    whole = subject.dataset(market.bars)
    cut = whole.time[len(whole) * 2 // 3]
    found: list[str] = []
    for name, future in FUTURES.items():
        other = subject.dataset(with_future(market.bars, cut, future))
        when = f"when the market after {cut:{SHOWN}} is {name}"
        found += [f"{text} {when}" for text in _past_differences(whole, other, cut)]
    return tuple(dict.fromkeys(found))


def held_out(subject: Subject, market: Market) -> tuple[str, ...]:
    """Fit again with other labels, features and weights in the parts that a fit may not read.

    Byte for byte, the booster may hang on the train and validation parts alone, and the calibration
    on its own part too, so both stay as they are when the test part changes, and the booster when
    the calibration part does. On a market with a planted edge, whose labels are turned round: early
    stopping by the wrong part stops at once there.
    """
    subject = quick(subject)
    dataset = subject.dataset(market.bars)
    split = subject.parts(dataset)

    def learn(*spoiled: Part) -> Learned:
        return subject.learn(_spoiled(dataset, spoiled), split, subject.spec)

    honest, without_test, without_both = (
        learn(),
        learn(split.test),
        learn(split.test, split.calibration),
    )
    claims = (
        (honest.booster == without_test.booster, "the booster hangs on the test part"),
        (honest.calibration == without_test.calibration, "the calibration hangs on the test part"),
        (
            without_test.booster == without_both.booster,
            "the booster hangs on the calibration part",
        ),
    )
    return tuple(text for holds, text in claims if not holds)


def _overlap(dataset: Dataset, part: Part, later: Part) -> list[str]:
    begin = dataset.time[later.rows].min()
    known = dataset.known_at[part.rows]
    late = int((known >= begin).sum())
    found = []
    if dataset.time[part.rows].max() >= begin:
        found.append(f"the {part.name} part has rows after the {later.name} part begins")
    if late:
        found.append(
            f"{late:,} labels of the {part.name} part become known after the {later.name} part "
            f"begins at {begin:{SHOWN}}, the last at {known.max():{SHOWN}}"
        )
    return found


def _schedule(dataset: Dataset, bar_seconds: int) -> Schedule:
    first, last = dataset.time[0].to_pydatetime(), dataset.time[-1].to_pydatetime()
    half = (last - first) / 2
    embargo = timedelta(seconds=EMBARGO_BARS * bar_seconds)
    return Schedule(first + half, last, half / STEPS, half, embargo)


def _step(dataset: Dataset, step: Step, schedule: Schedule) -> list[str]:
    *learning, test = step.split.parts
    found = [text for pair in pairwise(step.split.parts) for text in _overlap(dataset, *pair)]
    until = step.moment - schedule.embargo
    known = max(dataset.known_at[part.rows].max() for part in learning)
    if known >= until:
        found.append(f"it learns from a label known at {known:{SHOWN}}, not before {until:{SHOWN}}")
    times = dataset.time[test.rows]
    if times.min() < step.moment or times.max() >= step.moment + schedule.every:
        found.append(f"it forecasts rows from {times.min():{SHOWN}} to {times.max():{SHOWN}}")
    return found


def _past_differences(whole: Dataset, other: Dataset, cut: pd.Timestamp) -> list[str]:
    one, again = (rows.only(np.asarray(rows.time <= cut)) for rows in (whole, other))
    same_rows = one.time.equals(again.time) and np.array_equal(one.symbol_codes, again.symbol_codes)
    if not same_rows:
        return ["other rows are left out of the past"]
    known = np.asarray(one.known_at <= cut)
    found = [
        f"{what} of past rows change"
        for what, first, second in (
            ("labels", one.labels, again.labels),
            ("returns", one.returns, again.returns),
        )
        if not np.array_equal(first[known], second[known])
    ]
    before, after = (rows.features.astype(np.float64) for rows in (one, again))
    moved = np.flatnonzero(differing(before, after, spread(before), FLOAT32).any(axis=0))
    names = [whole.names[column] for column in moved]
    return [*found, *([f"{', '.join(names)} of past rows change"] if names else [])]


def _spoiled(dataset: Dataset, parts: tuple[Part, ...]) -> Dataset:
    """Return the dataset with labels turned round and all else changed in some parts."""
    rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)])
    last = len(dataset.classes) - 1

    def changed[T: np.generic](
        values: NDArray[T], change: Callable[[NDArray[T]], NDArray[T]]
    ) -> NDArray[T]:
        new = values.copy()
        new[rows] = change(values[rows])
        return new

    return replace(
        dataset,
        features=changed(dataset.features, lambda values: 3 * values + 7),
        labels=changed(dataset.labels, lambda labels: (last - labels).astype(np.int8)),
        returns=changed(dataset.returns, np.negative),
        uniqueness=changed(dataset.uniqueness, lambda unique: 5 * unique),
    )
