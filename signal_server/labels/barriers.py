"""Triple barrier: how the long trade ends that the bot would begin at the next bar's open."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import BarrierConfig, LabelConfig
from signal_server.core.costs import Costs
from signal_server.labels.search import Corridor, first_outside

STOPPED, TIMED_OUT, PROFIT_TAKEN = 0.0, 1.0, 2.0

_SECOND_NS = 1_000_000_000

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Market:
    """One symbol's bars as arrays; times in ns since 1970, prices in quote currency."""

    opens_at: Integers
    closes_at: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats


@dataclass(frozen=True, slots=True)
class _Trades:
    """One trade a row, bought at the open of the next bar; `stop` and `target` are market prices.

    `deadline` is in ns since 1970.
    """

    price: Floats
    stop: Floats
    target: Floats
    deadline: Integers


def barrier_labels(
    bars: pd.DataFrame, label: LabelConfig, barriers: BarrierConfig, bar_seconds: int
) -> pd.DataFrame:
    """Return `label` (class index, NaN while unknown), `known_at` (UTC) and `forward_return`.

    The trade of a row is bought at the next bar's open with slippage, and left as the bot and the
    backtest leave it: by the stop, by the target, or when `horizon_s` since the entry is over. Of
    a bar that touches both, the stop counts; a level that an open has jumped over fills at the
    open. DOWN is stopped, FLAT is timed out, UP has taken its profit. `known_at` is the close of
    the bar in which the trade ends, and while that is unknown, when the horizon does.
    `forward_return` is the trade's net profit after fees and slippage over what was paid. A row
    whose next bar opens after the signal has expired has no trade: NaN. No stop is trailing.
    """
    market, costs = _market(bars, bar_seconds), Costs(barriers.fee_bps, barriers.slippage_bps)
    trades = _enter(market, label, barriers, costs)
    last = _last_bar(market, trades)
    expires_at = market.closes_at[:-1] + round(barriers.signal_valid_s * _SECOND_NS)
    known = (last < len(bars)) & (market.opens_at[1:] < expires_at)
    last = np.where(known, last, 0)
    outcome, price = _leave(market, trades, last)
    known_at = market.closes_at + label.horizon_s * _SECOND_NS
    known_at[:-1] = np.where(known, market.closes_at[last], known_at[:-1])
    return pd.DataFrame(
        {
            "label": _one_more(np.where(known, outcome, np.nan), len(bars)),
            "known_at": _utc(known_at),
            "forward_return": _one_more(
                np.where(known, _net(trades.price, price, costs), np.nan), len(bars)
            ),
        },
        index=bars.index,
    )


def _market(bars: pd.DataFrame, bar_seconds: int) -> _Market:
    closes_at = np.asarray(pd.DatetimeIndex(bars.index).as_unit("ns").asi8, dtype=np.int64)
    prices = (bars[name].to_numpy(np.float64) for name in ("open", "high", "low", "close"))
    return _Market(closes_at - bar_seconds * _SECOND_NS, closes_at, *prices)


def _enter(market: _Market, label: LabelConfig, barriers: BarrierConfig, costs: Costs) -> _Trades:
    """Buy at every open but the first; profit counts from the price paid, less the entry's fee."""
    price = market.open[1:] * costs.buy_price(1.0)
    return _Trades(
        price=price,
        stop=price * (1 - barriers.stop_loss + costs.fee_share),
        target=price * (1 + barriers.take_profit + costs.fee_share),
        deadline=market.opens_at[1:] + label.horizon_s * _SECOND_NS,
    )


def _last_bar(market: _Market, trades: _Trades) -> Integers:
    """Return the bar in which each trade ends, by position; as many as there are while unknown."""
    entry = np.arange(1, len(trades.price) + 1)
    timed_out = market.closes_at.searchsorted(trades.deadline)
    corridor = Corridor(np.minimum(market.open, market.low), np.maximum(market.open, market.high))
    return first_outside(corridor, (trades.stop, trades.target), entry, timed_out)


def _leave(market: _Market, trades: _Trades, last: Integers) -> tuple[Floats, Floats]:
    """Return class and market price of the exits inside these bars, in the executor's order."""
    opened = market.open[last]
    ways = [
        (opened <= trades.stop, STOPPED, opened),
        (opened >= trades.target, PROFIT_TAKEN, opened),
        (market.opens_at[last] >= trades.deadline, TIMED_OUT, opened),
        (market.low[last] <= trades.stop, STOPPED, trades.stop),
        (market.high[last] >= trades.target, PROFIT_TAKEN, trades.target),
    ]
    conditions, outcomes, prices = (list(column) for column in zip(*ways, strict=True))
    outcome = np.select(conditions, outcomes, TIMED_OUT)
    return outcome, np.select(conditions, prices, market.close[last])


def _net(paid: Floats, market_price: Floats, costs: Costs) -> Floats:
    ratio = market_price * costs.sell_price(1.0) / paid
    return ratio - 1 - costs.fee_share * (1 + ratio)


def _one_more(values: Floats, length: int) -> Floats:
    """Add the newest bar's row, whose trade has not begun."""
    return np.append(values, np.nan)[:length]


def _utc(time_ns: Integers) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time_ns.view("datetime64[ns]")).tz_localize("UTC")
