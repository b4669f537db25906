from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.sizing import Obstacle, Quote, floor_to, size_entry


def _quote(**changes: Decimal) -> Quote:
    values = {
        "bid": Decimal(59_999),
        "ask": Decimal(60_001),
        "available": Decimal(1000),
        "fee_share": Decimal("0.0026"),
        "lot": Decimal("1e-8"),
        "min_size": Decimal("0.0001"),
        "min_notional": Decimal("0.5"),
    }
    return Quote(**(values | changes))


@given(
    size=st.decimals("0.01", 10_000, places=2),
    mid=st.decimals("0.0001", 100_000, places=4),
    available=st.decimals(0, 10_000, places=2),
)
def test_an_amount_never_costs_more_than_asked_or_owned(
    size: Decimal, mid: Decimal, available: Decimal
) -> None:
    quote = _quote(bid=mid, ask=mid, available=available)
    amount = size_entry(size, quote)
    if not isinstance(amount, Obstacle):
        assert amount * mid <= size
        assert amount * mid * (1 + quote.fee_share) <= available
        assert amount >= quote.min_size
        assert amount % quote.lot == 0


def test_the_lot_is_kept() -> None:
    assert size_entry(Decimal(100), _quote(lot=Decimal("0.001"))) == Decimal("0.001")
    assert floor_to(Decimal("0.0019"), Decimal("0.001")) == Decimal("0.001")


def test_what_is_in_the_way_is_named() -> None:
    size = Decimal(100)
    assert size_entry(size, _quote(bid=Decimal("NaN"))) is Obstacle.NO_PRICE
    assert size_entry(size, _quote(min_size=Decimal(1))) is Obstacle.BELOW_MINIMUM
    assert size_entry(size, _quote(min_notional=Decimal(101))) is Obstacle.BELOW_MINIMUM
    assert size_entry(size, _quote(available=Decimal(100))) is Obstacle.NO_BALANCE
