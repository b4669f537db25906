from datetime import UTC, datetime
from decimal import Decimal
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import Reason, Side, SignalView, Sizing
from hummingbot_scripts.ml_signals.rules.size import Holding, SizeConfig, quote_size, usual_move

DAY = Holding(stop_loss=Decimal("0.05"), time_limit_s=86_400)
BY_VOLATILITY = SizeConfig(Decimal(100), Sizing.VOLATILITY, max_size=Decimal(500))


def _signal(volatility: float, bar_seconds: int = 60) -> SignalView:
    return SignalView(
        id=1,
        symbol="BTC-USD",
        direction=Side.UP,
        confidence=Decimal("0.7"),
        valid_until=datetime(2026, 3, 1, tzinfo=UTC),
        volatility=volatility,
        bar_seconds=bar_seconds,
    )


def test_a_fixed_size_needs_to_know_nothing() -> None:
    config = SizeConfig(Decimal(100))
    assert quote_size(config, _signal(0.0), Decimal(0), DAY) == Decimal(100)


def test_the_usual_move_grows_with_the_root_of_time() -> None:
    assert usual_move(_signal(0.001), 6_000) == pytest.approx(Decimal("0.01"))
    assert usual_move(_signal(0.001, bar_seconds=1), 100) == pytest.approx(Decimal("0.01"))


def test_a_calm_coin_is_sized_by_the_stop() -> None:
    """0.5% of 1,000 over the 5% of the stop, since 0.0001 x sqrt(1440) is 0.4% a day."""
    assert quote_size(BY_VOLATILITY, _signal(0.0001), Decimal(1000), DAY) == Decimal(100)


def test_a_wild_coin_is_sized_by_its_usual_move() -> None:
    """0.0026352314 x sqrt(1440) is 10% a day."""
    size = quote_size(BY_VOLATILITY, _signal(0.0026352314), Decimal(1000), DAY)
    assert size == pytest.approx(Decimal(50))


def test_a_position_is_at_most_its_share_of_the_capital() -> None:
    near = Holding(stop_loss=Decimal("0.001"), time_limit_s=60)
    assert quote_size(BY_VOLATILITY, _signal(0.0001), Decimal(1000), near) == Decimal(100)


@pytest.mark.parametrize("volatility", [0.0, -1.0, nan, float("inf")])
def test_a_volatility_that_is_none_gives_no_size(volatility: float) -> None:
    assert quote_size(BY_VOLATILITY, _signal(volatility), Decimal(1), DAY) is Reason.NO_VOLATILITY


@given(
    volatility=st.floats(1e-7, 1),
    capital=st.decimals("0.01", 1_000_000, places=2),
    stop=st.decimals("0.001", "0.5", places=3),
    seconds=st.integers(60, 604_800),
)
def test_no_size_is_above_its_caps(
    volatility: float, capital: Decimal, stop: Decimal, seconds: int
) -> None:
    size = quote_size(BY_VOLATILITY, _signal(volatility), capital, Holding(stop, seconds))
    assert isinstance(size, Decimal)
    assert 0 < size <= capital * Decimal("0.10")
    assert size <= Decimal(500)
    assert size * stop <= capital * Decimal("0.005") * (1 + Decimal("1e-20"))


@given(st.floats(1e-7, 0.5), st.floats(1, 10))
def test_more_volatility_never_gives_a_greater_size(volatility: float, times: float) -> None:
    calm = quote_size(BY_VOLATILITY, _signal(volatility), Decimal(1000), DAY)
    wild = quote_size(BY_VOLATILITY, _signal(volatility * times), Decimal(1000), DAY)
    assert isinstance(calm, Decimal)
    assert isinstance(wild, Decimal)
    assert wild <= calm
