from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.trades import (
    Fill,
    OrderSide,
    Totals,
    realised_pnl,
    slippage_bps,
    total,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
prices = st.decimals("0.01", 100_000, places=2)
amounts = st.decimals("0.001", 10, places=3)


def _fill(price: str, amount: str, fee: str) -> Fill:
    return Fill("o", f"{price}/{amount}", Decimal(price), Decimal(amount), Decimal(fee), NOW)


def test_profit_is_exact_and_net_of_both_fees() -> None:
    entry = total([_fill("100", "0.5", "0.13"), _fill("102", "0.5", "0.13")])
    exit_ = total([_fill("110", "1", "0.29")])
    assert entry.average_price == Decimal(101)
    assert realised_pnl(entry, exit_) == Decimal("8.45")


@given(prices, amounts, st.integers(1, 9))
def test_the_profits_of_partial_exits_add_up_to_that_of_a_whole_one(
    price: Decimal, amount: Decimal, tenths: int
) -> None:
    entry = Totals(amount, amount * 100, Decimal("0.5"))
    part = amount * tenths / 10
    parts = [Totals(part, part * price), Totals(amount - part, (amount - part) * price)]
    whole = realised_pnl(entry, Totals(amount, amount * price))
    first, second = realised_pnl(entry, parts[0]), realised_pnl(entry, parts[1], part)
    assert whole is not None
    assert first is not None
    assert second is not None
    assert first + second == whole


@given(prices, amounts)
def test_a_round_trip_at_one_price_loses_exactly_the_fees(price: Decimal, amount: Decimal) -> None:
    leg = Totals(amount, amount * price, Decimal("0.26"))
    assert realised_pnl(leg, leg) == Decimal("-0.52")


def test_profit_is_unknown_while_a_side_has_no_fill() -> None:
    leg = Totals(Decimal(1), Decimal(100))
    assert realised_pnl(leg, Totals()) is None
    assert realised_pnl(Totals(), leg) is None


def test_slippage_costs_when_buying_above_or_selling_below() -> None:
    reference = Decimal(100)
    assert slippage_bps(OrderSide.BUY, Decimal("100.1"), reference) == 10
    assert slippage_bps(OrderSide.SELL, Decimal("99.9"), reference) == 10
    assert slippage_bps(OrderSide.BUY, Decimal(100), None) is None
