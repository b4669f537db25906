"""The catalogue as a page: what every feature means and rests on."""

from textwrap import dedent
from typing import get_args

from signal_server.features import own
from signal_server.features.catalogue import (
    CATALOGUE,
    FeatureSet,
    feature_names,
    leaders_of,
    warmup_bars,
)
from signal_server.features.demand import Demands
from signal_server.features.feature import Feature, Group

_TOP = """# Features
<!-- Written by `signal-server features --markdown`; change the definitions, not this page. -->
{count} features, in the order in which a model takes them. Each is a function of final bars up to
t alone, and has no scale: a coin of 60,000 USD and one of 0.000001 USD are told alike. Time is
counted in bars, so that a minute without a trade, for which vendors send no bar, moves nothing.

One definition is run by two engines: over all bars of a symbol (`compute_features`, for training,
audit and backtest) and over the newest bar of all symbols at once (`LiveFeatures`, for serving).
Both give the same within 1e-9 of the value or of the feature's standard deviation. Tests hold them
to it on real bars with gaps, pauses, late starters and tiny prices, and hold the definitions to
TA-Lib and pandas-ta.

## Sets
| set | features | of them without trade counts | warm-up |
|---|---|---|---|
{sets}

Live bars carry no trade counts, so models leave the features that need them out, unless
`training.use_trade_counts` is set. "pooled" is meant for one model of all coins: moves in units of
their own volatility, the market's leaders, and the calendar. It needs seven days of minutes before
its first row, bars of one minute, and {leaders} among the symbols.

## Reading the tables
- **Warm-up**: how many bars, its own included, the newest row needs; before, the feature is NaN.
- **Memory**: `finite` means that older bars have no influence at all. `fades` means that an
  exponential average is in it, whose start weighs under 1e-12 after the warm-up.
- Where a denominator is 0 (no volume, no move) the value is the neutral one that is stated.
- A leader's value is that of its bar with the same close. Where it has none the feature is NaN, and
  the row is neither learnt from nor predicted.
- A candle counts once it is finished: when a bar closed at its end or later.

## Formulas
What a meaning does not say in full. `h`, `l`, `c` and `v` are high, low, close and volume, `c[n]`
is the close n bars before; `sum`, `mean`, `max` and `min` are over the last n bars. `ema` weighs
the newest value by 2 / (n + 1), `wilder` by 1 / n. A move under 1e-9 of the price is none.

| name | formula |
|---|---|
| `true_range` | `(max(h, c[1]) - min(l, c[1])) / c`; `atr_n` is `wilder` of it over n |
| `rsi_n` | `100 * wilder(rises) / (wilder(rises) + wilder(falls))`; `rsi_simple_n` has sums |
| `plus_di_14` | `100 * wilder(u) / wilder(true range)`, where u is `h - h[1]` if that is positive \
and more than `l[1] - l`, else 0; `minus_di_14` the other way |
| `adx_14` | `100 * wilder(abs(plus - minus) / (plus + minus))` |
| `macd` | `(ema(12) - ema(26)) / c`; the signal is `ema(9)` of the line |
| `stochastic_k` | 3-bar mean of `100 * (c - min(l)) / (max(h) - min(l))` over 14 bars |
| `bollinger_percent` | `(c - lower) / (upper - lower)`; the bands are `mean(c)` and 2 deviations, \
divided by n |
| `volatility_n` | standard deviation of `ln(c / c[1])`, divided by n - 1 |
| `scaled_return_n` | `ln(c / c[n]) / (volatility_240 * sqrt(n))` |
| `scaled_distance_n` | `(c / mean(c) - 1) / (volatility_240 * sqrt(n))` |
| `scaled_vwap_distance_n` | the same with `sum(c * v) / sum(v)` for the mean |
| `signed_volume_n` | `sum(v * sign(c - c[1])) / sum(v)` |
| `efficiency_n` | `(c - c[n]) / sum(abs(c - c[1]))` |
| `range_position_n` | `(c - min(l)) / (max(h) - min(l))` |
| `close_z_20_nm` | `(c - mean(c)) / deviation(c)` of candles, divided by 19 |

## A feature of your own
Write one decorated function in `signal_server/features/own.py`. It belongs to "pooled" then, is
computed by both engines, and is tested with the others (`pytest tests/signal_server/features`).
Write this page again (`signal-server features --markdown > docs/features.md`), look for leaks
(`signal-server audit`) and train. What it computes is part of the schema's hash: models that were
trained without it, or with another formula under its name, are refused.

```python
{example}```

The decorator takes the group, the columns that are read, the warm-up and the unit; `leaders` if it
reads other symbols, `source` for where the formula is from. `mirror` says what becomes of the value
when every price p becomes 1 / p, which profiles with `training.mirror` learn from: `SAME` (a
volatility), `NEGATED` (a return), `OF_SHARE` (1 minus it), `OF_PERCENT` (100 minus it).

The function may use elementwise numpy and what `of` offers, nothing else: columns and other arrays
(`of.close`, `of.log_return`, …), `of.before`, `of.sma`, `of.total`, `of.maximum`, `of.deviation`,
`of.average`, indicators made of them (`of.rsi`, `of.atr`, `of.volatility`, …), `of.define` to give
an expression a name that windows can take, `of.candles`, `of.leader` and `of.phase`.
"""

_HEAD = (
    "| name | meaning | unit | inputs | warm-up | memory | source |\n|---|---|---|---|---|---|---|"
)


def has_finite_memory(feature: Feature) -> bool:
    """Tell whether bars before the feature's warm-up have no influence at all."""
    demands = Demands([feature])
    candles = [one for features in demands.by_candle.values() for one in features.values()]
    averages = any(demand.spans for demand in demands.by_name.values())
    return not averages and all(has_finite_memory(candle) for candle in candles)


def example() -> str:
    """Return the code that the docstring of `own.py` shows."""
    lines = (own.__doc__ or "").splitlines()
    shown = [line for line in lines if not line or line.startswith("    ")]
    return dedent("\n".join(shown)).strip() + "\n"


def as_markdown() -> str:
    """Return the page."""
    sets = "\n".join(_set(which) for which in get_args(FeatureSet))
    tables = [_group(group) for group in Group if any(f.group is group for f in CATALOGUE)]
    leaders = " and ".join(leaders_of(feature_names("pooled", trade_counts=True)))
    top = _TOP.format(count=len(CATALOGUE), sets=sets, leaders=leaders, example=example())
    return top + "\n" + "\n".join(tables)


def _set(which: FeatureSet) -> str:
    every = feature_names(which, trade_counts=True)
    without = feature_names(which, trade_counts=False)
    return f"| {which} | {len(every)} | {len(without)} | {warmup_bars(every):,} bars |"


def _group(group: Group) -> str:
    rows = [_row(feature) for feature in CATALOGUE if feature.group is group]
    return "\n".join([f"## {group.capitalize()}", _HEAD, *rows, ""])


def _row(feature: Feature) -> str:
    inputs = ", ".join([*feature.inputs, *(f"bars of {one}" for one in feature.leaders)])
    memory = "finite" if has_finite_memory(feature) else "fades"
    cells = (
        f"`{feature.name}`",
        feature.meaning,
        feature.unit,
        inputs,
        f"{feature.warmup_bars:,}",
        memory,
        feature.source,
    )
    return f"| {' | '.join(cells)} |"
