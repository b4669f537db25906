"""A market is fixed beforehand: whoever asks, and how often, sees the same prices."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_sim.histories import seeded_histories
from market_sim.market import BarTable, SimMarket
from tests.market_sim.markets import START
from tests.market_sim.vendor import HISTORY_BARS, LIVE_BARS, seeded_market

SYMBOL = "BTC-USD"
MARKET = seeded_market()
STEPS = HISTORY_BARS + LIVE_BARS
LIVE_END = START + timedelta(seconds=LIVE_BARS)
BEGIN = START - timedelta(seconds=HISTORY_BARS)

steps = st.integers(0, STEPS - 1)
parts = st.floats(0, 0.999)


def at(position: float) -> datetime:
    return BEGIN + timedelta(seconds=position)


def market_of(columns: Mapping[str, Any], history_bars: int = 1) -> SimMarket:
    table = BarTable(**{name: np.array(values, "float64") for name, values in columns.items()})
    return SimMarket(
        {SYMBOL: table},
        description="a few bars",
        bar_seconds=1,
        live_start=START,
        history_bars=history_bars,
    )


def with_a_step_without_trades() -> SimMarket:
    nan = np.nan
    return market_of(
        {
            "open": [10, nan, 12],
            "high": [11, nan, 13],
            "low": [9, nan, 11],
            "close": [10.5, nan, 12.5],
            "volume": [1, nan, 3],
            "transactions": [5, nan, 7],
        }
    )


def test_the_same_seed_makes_the_same_market() -> None:
    first, second = (seeded_market(seed=5).bars(SYMBOL, BEGIN, LIVE_END) for _ in range(2))
    assert first == second


def test_another_seed_makes_another_market() -> None:
    assert seeded_market(seed=5).bar(SYMBOL, 9) != seeded_market(seed=6).bar(SYMBOL, 9)


def test_a_symbol_moves_by_itself() -> None:
    btc, eth = (MARKET.bars(symbol, BEGIN, LIVE_END) for symbol in MARKET.symbols)
    moves = [np.array([bar.close / bars[0].open for bar in bars]) for bars in (btc, eth)]
    assert not np.allclose(moves[0], moves[1])


def test_a_seeded_market_begins_at_prices_of_its_coins() -> None:
    assert MARKET.price_at("BTC-USD", BEGIN) == 60_000
    assert MARKET.price_at("ETH-USD", BEGIN) == 3_000


def test_a_seeded_market_has_some_momentum_to_learn() -> None:
    close = seeded_histories((SYMBOL,), 1, 20_000)[SYMBOL].close
    returns = np.diff(np.log(close))
    recent = np.convolve(returns, np.ones(5), "valid")[:-1]
    assert 0.05 < np.corrcoef(recent, returns[5:])[0, 1] < 0.5


def test_history_ends_where_the_live_part_begins() -> None:
    history = MARKET.bars(SYMBOL, BEGIN - timedelta(days=1), START)
    assert len(history) == HISTORY_BARS
    assert history[0].start == BEGIN
    assert history[-1].start == START - timedelta(seconds=1)
    assert MARKET.step_at(START) == HISTORY_BARS
    assert MARKET.ends_at == LIVE_END


def test_bars_of_a_span_begin_in_it() -> None:
    found = MARKET.bars(SYMBOL, at(10), at(13))
    assert [bar.start for bar in found] == [at(10), at(11), at(12)]
    assert MARKET.bars(SYMBOL, at(10.5), at(12.5)) == found[1:]


def test_there_are_no_bars_after_the_market_ends() -> None:
    assert MARKET.bars(SYMBOL, LIVE_END, LIVE_END + timedelta(days=1)) == []
    assert MARKET.bar(SYMBOL, STEPS) is None
    assert MARKET.bar(SYMBOL, -1) is None


def test_a_step_without_trades_has_no_bar_and_keeps_the_price() -> None:
    market = with_a_step_without_trades()
    found = market.bars(SYMBOL, START - timedelta(days=1), START + timedelta(days=1))
    assert [bar.close for bar in found] == [10.5, 12.5]
    assert market.unfinished_bar(SYMBOL, START + timedelta(seconds=0.5)) is None
    assert market.price_at(SYMBOL, START + timedelta(seconds=0.5)) == 10.5


def test_the_price_stays_before_and_after_the_market() -> None:
    market = with_a_step_without_trades()
    assert market.price_at(SYMBOL, START - timedelta(days=1)) == 10
    assert market.price_at(SYMBOL, START + timedelta(days=1)) == 12.5


@given(steps, parts)
def test_the_price_never_leaves_the_bar_it_is_in(step: int, part: float) -> None:
    bar = MARKET.bar(SYMBOL, step)
    assert bar is not None
    assert bar.low <= MARKET.price_at(SYMBOL, at(step + part)) <= bar.high


@given(steps)
def test_a_bar_is_what_the_price_did_in_it(step: int) -> None:
    bar = MARKET.bar(SYMBOL, step)
    assert bar is not None
    prices = [MARKET.price_at(SYMBOL, at(step + third)) for third in (0, 1 / 3, 2 / 3)]
    assert prices[0] == bar.open
    assert max(prices) == pytest.approx(bar.high, rel=1e-6)
    assert min(prices) == pytest.approx(bar.low, rel=1e-6)
    assert MARKET.price_at(SYMBOL, at(step + 0.999999)) == pytest.approx(bar.close, rel=1e-6)


@given(steps, parts, parts)
def test_an_unfinished_bar_only_grows(step: int, one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    young = MARKET.unfinished_bar(SYMBOL, at(step + earlier))
    old = MARKET.unfinished_bar(SYMBOL, at(step + later))
    whole = MARKET.bar(SYMBOL, step)
    assert young is not None
    assert old is not None
    assert whole is not None
    assert young.start == old.start == whole.start
    assert young.open == old.open == whole.open
    assert whole.high >= old.high >= young.high
    assert whole.low <= old.low <= young.low
    assert whole.volume >= old.volume >= young.volume
    assert old.close == MARKET.price_at(SYMBOL, at(step + later))


def test_a_script_moves_the_live_part_and_nothing_before() -> None:
    market = seeded_market()
    base = market.price_at(SYMBOL, START - timedelta(microseconds=1))
    before = market.bars(SYMBOL, BEGIN, START)
    market.script(SYMBOL, [(0, 1.0), (10, 0.9), (20, 1.2)])
    assert market.bars(SYMBOL, BEGIN, START) == before
    for seconds, share in ((0, 1.0), (5, 0.95), (10, 0.9), (15, 1.05), (20, 1.2), (50, 1.2)):
        price = market.price_at(SYMBOL, START + timedelta(seconds=seconds))
        assert price == pytest.approx(base * share, rel=1e-4)


def test_a_script_leaves_the_other_coins_alone() -> None:
    market = seeded_market()
    market.script(SYMBOL, [(0, 1.0), (10, 0.9)])
    assert market.bar("ETH-USD", STEPS - 1) == MARKET.bar("ETH-USD", STEPS - 1)


def test_times_are_utc() -> None:
    bar = MARKET.bar(SYMBOL, 0)
    assert bar is not None
    assert bar.start.tzinfo is UTC


def test_many_bars_are_those_of_each_step_from_either_end() -> None:
    tables = seeded_histories((SYMBOL,), 1, 9_000)
    tables[SYMBOL].close[[5, 4_095, 4_096, 8_999]] = np.nan
    market = SimMarket(tables, description="", bar_seconds=1, live_start=START, history_bars=9_000)
    each = [bar for step in range(9_000) if (bar := market.bar(SYMBOL, step)) is not None]
    begin = market.start_of(0)
    assert market.bars(SYMBOL, begin, START) == each
    assert market.bars(SYMBOL, begin, START, newest_first=True) == each[::-1]
    assert market.bars(SYMBOL, begin, START, limit=4_500, newest_first=True) == each[:-4_501:-1]


def test_vendors_can_be_wrong_about_a_bar_until_they_correct_it() -> None:
    market = seeded_market()
    true = market.bar(SYMBOL, 9)
    assert true is not None
    early = replace(true, volume=1.0)
    market.tell_first(early)
    assert (market.as_told(true), market.bar(SYMBOL, 9)) == (early, true)
    market.correct(SYMBOL, true.start)
    assert market.as_told(true) == true
