"""Each leak that is planted in a feature is found, by the check that is there for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from signal_server.audit.markets import Market, random_walk
from signal_server.audit.subject import Frames, Subject
from signal_server.core.domain import Bar
from signal_server.features.live import LiveFeatures

Plant = Callable[..., Subject]
Findings = Callable[..., tuple[str, ...]]


@pytest.fixture(scope="module")
def walk(product: Subject) -> Market:
    return random_walk(product)


def centred_mean(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return bars["close"] / bars["close"].rolling(21, center=True).mean() - 1


def filled_backwards(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return (bars["close"].where(bars["volume"] > 0).bfill() / bars["close"]) - 1


def z_score_of_all(bars: pd.DataFrame, _: Frames) -> pd.Series:
    moves = bars["close"].pct_change()
    return (moves - moves.mean()) / moves.std()


def rank_among_all(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return bars["close"].pct_change().rank(pct=True)


def unfinished_hour(bars: pd.DataFrame, _: Frames) -> pd.Series:
    hours = pd.DatetimeIndex(bars.index).ceil("h")
    return bars["close"].groupby(hours).transform("last") / bars["close"] - 1


def resampled_to_the_left(bars: pd.DataFrame, _: Frames) -> pd.Series:
    hours = bars["close"].resample("h", label="left").last()
    return hours.reindex(bars.index, method="ffill") / bars["close"] - 1


def label_as_feature(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return bars["close"].shift(-15) / bars["close"] - 1


def next_open(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return (bars["open"].shift(-1) / bars["close"] - 1).fillna(0.0)


def leaders_next_bar(bars: pd.DataFrame, leaders: Frames) -> pd.Series:
    moves = leaders["BTC-USD"]["close"].pct_change().shift(-1)
    return moves.reindex(bars.index)


def leaders_later_bar_where_it_has_none(bars: pd.DataFrame, leaders: Frames) -> pd.Series:
    moves = leaders["BTC-USD"]["close"].pct_change()
    return moves.reindex(bars.index, method="bfill")


LOOKING_AHEAD = [
    centred_mean,
    filled_backwards,
    z_score_of_all,
    rank_among_all,
    unfinished_hour,
    resampled_to_the_left,
    label_as_feature,
    next_open,
    leaders_next_bar,
    leaders_later_bar_where_it_has_none,
]


@pytest.mark.parametrize("check", ["prefix invariance", "future shuffle"])
@pytest.mark.parametrize("leak", LOOKING_AHEAD, ids=lambda leak: leak.__name__)
def test_a_feature_that_looks_ahead_is_found(
    plant: Plant, findings_of: Findings, leak: Callable[..., pd.Series], check: str
) -> None:
    findings = findings_of(check, plant(leak, leaders=("BTC-USD",)))
    assert len(findings) == 1
    assert findings[0].startswith("leak of ")


TIMES = [
    *(("hour", hour) for hour in range(24)),
    *(("minute", minute) for minute in (0, 13, 37, 59)),
    *(("day_of_week", day) for day in range(7)),
]


@pytest.mark.parametrize(("part", "at"), TIMES)
def test_a_feature_that_looks_ahead_at_one_hour_minute_or_weekday_is_found(
    plant: Plant, findings_of: Findings, walk: Market, part: str, at: int
) -> None:
    def next_move_at_times(bars: pd.DataFrame, _: Frames) -> pd.Series:
        moves = bars["close"].pct_change()
        return moves.where(getattr(bars.index, part) != at, moves.shift(-1))

    findings = findings_of("every hour", plant(next_move_at_times), walk)
    assert [finding.partition(" ")[0] for finding in findings] == ["leak"]


def test_a_warm_up_that_is_too_short_is_no_look_ahead_at_some_hour(
    plant: Plant, findings_of: Findings, walk: Market
) -> None:
    assert findings_of("every hour", plant(mean_of_all_history), walk) == ()


def log_volume(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return np.log(bars["volume"])


def close_in_its_range(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return (bars["close"] - bars["low"]) / (bars["high"] - bars["low"])


@pytest.mark.parametrize(
    ("leak", "value"), [(log_volume, "-inf"), (close_in_its_range, "nan")], ids=lambda one: str(one)
)
def test_a_feature_that_is_no_number_in_a_dull_market_is_found(
    plant: Plant, findings_of: Findings, leak: Callable[..., pd.Series], value: str
) -> None:
    with np.errstate(divide="ignore"):
        findings = findings_of("finite values", plant(leak))
    assert findings[0].startswith("leak of ")
    assert findings[0].endswith(f"is {value}")


def long_average(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return bars["close"] / bars["close"].ewm(span=200, adjust=False).mean() - 1


def volume_since_the_start(bars: pd.DataFrame, _: Frames) -> pd.Series:
    signed = np.sign(bars["close"].diff().fillna(0.0)) * bars["volume"]
    return signed.cumsum() / bars["volume"].cumsum()


def mean_of_all_history(bars: pd.DataFrame, _: Frames) -> pd.Series:
    return bars["close"] / bars["close"].expanding().mean() - 1


@pytest.mark.parametrize(
    "leak",
    [long_average, volume_since_the_start, mean_of_all_history],
    ids=lambda leak: leak.__name__,
)
def test_a_feature_that_remembers_more_than_it_says_is_found(
    plant: Plant, findings_of: Findings, leak: Callable[..., pd.Series]
) -> None:
    subject = plant(leak, warmup=201)
    assert "from its warm-up of 201 bars alone" in findings_of("warm-up", subject)[0]
    assert findings_of("prefix invariance", subject) == ()


def test_a_feature_that_forgets_within_its_warm_up_is_clean(
    plant: Plant, findings_of: Findings
) -> None:
    subject = plant(long_average, warmup=4_000)
    for check in ("prefix invariance", "future shuffle", "warm-up"):
        assert findings_of(check, subject) == ()


class LiveWithoutTheNewestBar(LiveFeatures):
    """Gives the row of the bar before, as an engine that is read before it is told."""

    def append(self, bars: Sequence[Bar]) -> None:
        everyone = list(self._rows)
        self._old = dict(zip(everyone, self.rows(everyone).copy(), strict=True))
        super().append(bars)

    def rows(self, symbols: Sequence[str]) -> NDArray[np.float64]:
        old: Mapping[str, NDArray[np.float64]] = getattr(self, "_old", {})
        if not old:
            return super().rows(symbols)
        self._old = {}
        return np.stack([old[symbol] for symbol in symbols])


class LiveWithRoundedPrices(LiveFeatures):
    """Takes closes with seven digits, as a stream in float32 would."""

    def append(self, bars: Sequence[Bar]) -> None:
        super().append([replace(bar, close=float(np.float32(bar.close))) for bar in bars])


class LiveWithAShortMemory(LiveFeatures):
    """Opens on half of the history that it is given."""

    def open(self, history: Mapping[str, pd.DataFrame]) -> None:
        super().open({symbol: frame.iloc[-200:] for symbol, frame in history.items()})


@pytest.mark.parametrize(
    "engine",
    [LiveWithoutTheNewestBar, LiveWithRoundedPrices, LiveWithAShortMemory],
    ids=lambda engine: engine.__name__,
)
def test_a_live_engine_that_computes_something_else_is_found(
    product: Subject, findings_of: Findings, engine: type[LiveFeatures]
) -> None:
    assert findings_of("live parity", replace(product, live=engine))


@pytest.mark.parametrize(("minutes", "check"), [(-1, "prefix invariance"), (1, "live parity")])
def test_a_leaders_bar_of_another_minute_is_found(
    product: Subject, findings_of: Findings, minutes: int, check: str
) -> None:
    def compute(bars: pd.DataFrame, names: Sequence[str], leaders: Frames) -> pd.DataFrame:
        moved = {
            symbol: frame.set_axis(frame.index + pd.Timedelta(minutes=minutes))
            for symbol, frame in leaders.items()
        }
        return product.compute(bars, names, moved)

    names = ("gap", "btc_scaled_return_5")
    subject = replace(product, names=names, leaders=("BTC-USD",), compute=compute)
    findings = findings_of(check, subject)
    assert [finding.partition(" ")[0] for finding in findings] == ["btc_scaled_return_5"]
