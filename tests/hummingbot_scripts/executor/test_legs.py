"""What the orders of a position add up to."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.executor.exit_plan import Patience
from hummingbot_scripts.ml_signals.executor.legs import Holding, Leg, Outcome, Role, holding
from hummingbot_scripts.ml_signals.executor.trouble import Watch, trouble


def leg(role: Role, filled: str, price: str, fee: str = "0") -> Leg:
    amount = Decimal(filled)
    return Leg(role, role, amount, 0, Outcome.DONE, amount, amount * Decimal(price), Decimal(fee))


def test_fills_of_all_orders_count() -> None:
    held = holding(
        [
            leg(Role.ENTRY, "2", "100", "0.5"),
            leg(Role.EXIT, "0.5", "90", "0.1"),
            leg(Role.PROTECTIVE, "1", "80", "0.2"),
        ]
    )
    assert held == Holding(
        Decimal(2), Decimal(200), Decimal("1.5"), Decimal("125.0"), Decimal("0.8")
    )
    assert held.unsold == Decimal("0.5")
    assert held.entry_price == 100
    assert held.gain(Decimal(70)) == 125 + 35 - 200


def test_dust_counts_at_its_cost_once_all_else_is_sold() -> None:
    held = holding([leg(Role.ENTRY, "2", "100"), leg(Role.EXIT, "1.9", "110")])
    assert held.realised_gain() == Decimal(19)
    assert holding([leg(Role.ENTRY, "2", "100")]).realised_gain() == 0


money = st.decimals("0.01", "1000", places=2)


@given(bought=money, entry=money, exit_=money)
def test_a_closed_position_has_gained_what_the_account_has(
    bought: Decimal, entry: Decimal, exit_: Decimal
) -> None:
    held = holding(
        [leg(Role.ENTRY, str(bought), str(entry)), leg(Role.EXIT, str(bought), str(exit_))]
    )
    assert held.realised_gain() == held.gain(Decimal(1)) == bought * exit_ - bought * entry


def watch(now: float, *, holds: bool = True, leaving: bool = False, price: bool = True) -> Watch:
    return Watch(now, holds=holds, leaving=leaving, price_known=price, after_s=10)


def test_trouble_names_what_is_in_the_way() -> None:
    entry = leg(Role.ENTRY, "1", "100")
    waits = Patience()
    assert trouble([entry], waits, watch(5)) is None
    assert "no trusted price" in (trouble([entry], waits, watch(5, price=False)) or "")
    refused = Leg(Role.EXIT, "x", Decimal(1), 5, Outcome.REFUSED, ended_at=5, why="EService:Busy")
    said = trouble([entry, refused, refused], waits, watch(5, leaving=True))
    assert said == "2 exit orders in vain (EService:Busy), the next in 2 s"
    unknown = Leg(Role.EXIT, "x", Decimal(1), 5)
    assert trouble([entry, unknown], waits, watch(14)) is None
    said = trouble([entry, unknown], waits, watch(15))
    assert said == "the exit order x: what became of it is not known yet"


def test_a_cancellation_that_does_not_come_is_told_of_however_often_it_is_asked_for() -> None:
    hanging = Leg(
        Role.EXIT, "x", Decimal(1), 0, Outcome.LIVE, cancel_asked_at=39, cancel_first_asked_at=20
    )
    assert trouble([hanging], Patience(), watch(29, leaving=True)) is None
    said = trouble([hanging], Patience(), watch(40, leaving=True))
    assert said == "the exit order x cannot be cancelled yet"
