from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules.guards import (
    Guard,
    GuardConfig,
    Link,
    refuse_depth,
    refuse_link,
    refuse_prices,
)

CONFIG = GuardConfig()
PRICES = st.decimals("0.0001", 100_000, places=4)


@pytest.mark.parametrize(
    ("link", "orders", "guard"),
    [
        (Link(0.1, silent=False), 29, None),
        (Link(-2.0, silent=False), 0, None),
        (Link(0.1, silent=True), 0, Guard.SILENT),
        (Link(None, silent=False), 0, Guard.NO_CLOCK),
        (Link(2.1, silent=False), 0, Guard.CLOCK),
        (Link(-2.1, silent=False), 0, Guard.CLOCK),
        (Link(0.1, silent=False), 30, Guard.RATE),
    ],
)
def test_the_line_and_the_pace_have_bounds(link: Link, orders: int, guard: Guard | None) -> None:
    assert refuse_link(link, orders, CONFIG) is guard


def test_a_price_far_from_the_signals_is_refused_on_both_sides() -> None:
    assert refuse_prices(Decimal(100), Decimal("100.1"), Decimal("99.5"), CONFIG) is Guard.BASIS
    assert refuse_prices(Decimal(100), Decimal("100.1"), Decimal(101), CONFIG) is Guard.BASIS
    assert refuse_prices(Decimal(100), Decimal("100.1"), Decimal(100), CONFIG) is None


def test_a_wide_spread_is_refused() -> None:
    assert refuse_prices(Decimal(100), Decimal("100.4"), Decimal(100), CONFIG) is Guard.SPREAD


def test_a_thin_book_is_refused() -> None:
    assert refuse_depth(Decimal(100), Decimal("100.30"), CONFIG) is None
    assert refuse_depth(Decimal(100), Decimal("100.31"), CONFIG) is Guard.DEPTH
    assert refuse_depth(Decimal(100), None, CONFIG) is Guard.DEPTH


@given(bid=PRICES, spread=st.decimals(0, 1000, places=4), reference=PRICES)
def test_what_passes_is_within_the_bounds(
    bid: Decimal, spread: Decimal, reference: Decimal
) -> None:
    ask = bid + spread
    if refuse_prices(bid, ask, reference, CONFIG) is None:
        mid = (bid + ask) / 2
        assert abs(mid - reference) / reference <= Decimal("0.005") + Decimal("1e-20")
        assert (ask - bid) / mid <= Decimal("0.003") + Decimal("1e-20")
