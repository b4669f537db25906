"""The way out of a position, whatever an exchange does."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.executor.exit_plan import (
    Do,
    Lot,
    Moment,
    Patience,
    entry_is_overdue,
    next_step,
    next_step_to_keep,
    retry_at,
)
from hummingbot_scripts.ml_signals.executor.legs import Leg, Outcome, Role, holding

LOT = Lot(Decimal("0.001"), Decimal("0.01"), Decimal(5))
PATIENCE = Patience()
PRICE = Decimal(1000)
BOUGHT = Decimal("0.1")
ENTRY = Leg(Role.ENTRY, "entry", BOUGHT, 0.0, Outcome.DONE, BOUGHT, BOUGHT * PRICE)


def exit_leg(outcome: Outcome, filled: str = "0", *, number: int = 1, sent_at: float = 100) -> Leg:
    ended = sent_at if outcome in {Outcome.DONE, Outcome.REFUSED} else None
    amount = Decimal(filled)
    return Leg(
        Role.EXIT,
        f"exit {number}",
        BOUGHT,
        sent_at,
        outcome,
        amount,
        amount * PRICE,
        ended_at=ended,
    )


def step_at(
    now: float, *legs: Leg, price: Decimal | None = PRICE
) -> tuple[Do, str | None, Decimal]:
    step = next_step(legs, LOT, PATIENCE, Moment(now, 100, price))
    return step.do, step.order_id, step.amount


def test_all_that_was_bought_is_sold_at_once() -> None:
    assert step_at(100, ENTRY) == (Do.SELL, None, BOUGHT)


def test_nothing_is_sold_while_a_sale_may_still_fill_or_its_fills_are_unknown() -> None:
    for outcome in (Outcome.SENT, Outcome.LIVE, Outcome.UNSETTLED):
        assert step_at(101, ENTRY, exit_leg(outcome, "0.02"))[0] is Do.WAIT
    assert step_at(10_000, ENTRY, exit_leg(Outcome.UNSETTLED))[0] is Do.WAIT


def test_what_a_cancelled_sale_left_is_sold_by_another() -> None:
    assert step_at(101, ENTRY, exit_leg(Outcome.DONE, "0.02")) == (Do.SELL, None, Decimal("0.08"))


def test_a_sale_that_hangs_is_cancelled_and_asked_again_later() -> None:
    hanging = exit_leg(Outcome.LIVE, "0.02")
    assert step_at(114, ENTRY, hanging)[0] is Do.WAIT
    assert step_at(115, ENTRY, hanging)[:2] == (Do.CANCEL, "exit 1")
    asked = replace(hanging, cancel_asked_at=115)
    assert step_at(116, ENTRY, asked)[0] is Do.WAIT
    assert step_at(125, ENTRY, asked)[0] is Do.CANCEL


def test_refused_sales_are_repeated_for_ever_ever_more_slowly() -> None:
    pauses = []
    legs = [ENTRY]
    for number in range(9):
        legs.append(exit_leg(Outcome.REFUSED, number=number))
        pauses.append(retry_at(legs, PATIENCE) - 100)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert step_at(159, *legs)[0] is Do.WAIT
    assert step_at(160, *legs)[0] is Do.SELL


def test_a_sale_that_did_something_ends_the_pauses() -> None:
    legs = [ENTRY, exit_leg(Outcome.REFUSED), exit_leg(Outcome.DONE, "0.02", number=2)]
    assert retry_at(legs, PATIENCE) == 0


def test_a_remainder_under_a_minimum_is_the_end() -> None:
    assert step_at(101, ENTRY, exit_leg(Outcome.DONE, "0.095"))[0] is Do.END
    cheap = Decimal(400)
    assert step_at(101, ENTRY, exit_leg(Outcome.DONE, "0.089"), price=cheap)[0] is Do.END
    assert step_at(101, ENTRY, exit_leg(Outcome.DONE, "0.089"), price=None)[0] is Do.SELL


def test_the_rest_of_the_entry_is_cancelled_before_the_sale() -> None:
    partly = replace(ENTRY, outcome=Outcome.LIVE, filled=Decimal("0.04"))
    assert step_at(100, partly)[:2] == (Do.CANCEL, "entry")
    asked = replace(partly, cancel_asked_at=100)
    assert step_at(102, asked)[0] is Do.WAIT
    assert step_at(103, asked) == (Do.SELL, None, Decimal("0.04"))
    assert step_at(103, replace(asked, filled=Decimal("0.001")))[0] is Do.WAIT


def test_a_protective_stop_is_cancelled_and_its_end_known_before_the_sale() -> None:
    stop = Leg(Role.PROTECTIVE, "stop", BOUGHT, 50, Outcome.LIVE)
    assert step_at(100, ENTRY, stop)[:2] == (Do.CANCEL, "stop")
    asked = replace(stop, cancel_asked_at=100)
    assert step_at(105, ENTRY, asked)[0] is Do.WAIT
    sold = replace(asked, outcome=Outcome.DONE, filled=Decimal("0.06"))
    assert step_at(105, ENTRY, sold) == (Do.SELL, None, Decimal("0.04"))


def test_an_order_that_the_exchange_may_not_have_is_not_cancelled() -> None:
    sent = replace(ENTRY, outcome=Outcome.SENT, filled=Decimal(0))
    assert step_at(100, sent)[0] is Do.WAIT
    assert not entry_is_overdue(sent, 1_000, PATIENCE)
    assert entry_is_overdue(replace(sent, outcome=Outcome.LIVE), 10, PATIENCE)


def test_a_position_that_is_kept_sells_nothing_and_leaves_its_stop() -> None:
    partly = replace(ENTRY, outcome=Outcome.LIVE)
    stop = Leg(Role.PROTECTIVE, "stop", BOUGHT, 50, Outcome.LIVE)
    assert next_step_to_keep([partly, stop], PATIENCE, 100).order_id == "entry"
    asked = replace(partly, cancel_asked_at=100)
    assert next_step_to_keep([asked, stop], PATIENCE, 101).do is Do.WAIT
    assert next_step_to_keep([ENTRY, stop], PATIENCE, 101).do is Do.END


@dataclass
class Market:
    """An exchange that does what `whims` say, and then behaves."""

    bought: int
    whims: list[tuple[str, int, int]]
    legs: list[Leg] = field(default_factory=list)
    ends: dict[str, tuple[float, Leg]] = field(default_factory=dict)
    truly_sold: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        amount = LOT.step * self.bought
        self.legs = [replace(ENTRY, amount=amount, filled=amount, quote=amount * PRICE)]

    def sell(self, amount: Decimal, now: float) -> None:
        kind, share, delay = self.whims.pop() if self.whims else ("fill", 10, 0)
        part = {"fill": amount, "refuse": Decimal(0)}.get(kind)
        if part is None:
            part = LOT.sellable(amount * share / 10, None)
        self.truly_sold += part
        leg = Leg(Role.EXIT, f"{len(self.legs)}", amount, now)
        self.legs.append(leg)
        outcome = Outcome.REFUSED if kind == "refuse" else Outcome.DONE
        done = replace(leg, outcome=outcome, filled=part, quote=part * PRICE)
        self.ends[leg.order_id] = (now + delay, done)

    def tick(self, now: float) -> None:
        for place, leg in enumerate(self.legs):
            at, done = self.ends.get(leg.order_id, (now + 1, leg))
            if at <= now and not leg.settled:
                self.legs[place] = replace(done, ended_at=now)


@settings(max_examples=150, deadline=None)
@given(
    bought=st.integers(1, 300),
    whims=st.lists(
        st.tuples(
            st.sampled_from(["fill", "part", "refuse"]), st.integers(0, 10), st.integers(0, 40)
        ),
        max_size=15,
    ),
)
def test_never_more_is_sold_than_was_bought_and_the_end_leaves_only_dust(
    bought: int, whims: list[tuple[str, int, int]]
) -> None:
    market, now = Market(bought, whims), 100.0
    for _ in range(3_000):
        market.tick(now)
        step = next_step(market.legs, LOT, PATIENCE, Moment(now, 100, PRICE))
        if step.do is Do.END:
            break
        if step.do is Do.SELL:
            assert all(leg.settled for leg in market.legs)
            market.sell(step.amount, now)
        assert market.truly_sold <= LOT.step * bought
        now += 1
    held = holding(market.legs)
    assert step.do is Do.END
    assert held.sold == market.truly_sold
    assert held.unsold == held.bought - held.sold
    assert not LOT.sellable(held.unsold, PRICE)
