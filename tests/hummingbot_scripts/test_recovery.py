from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.claims import MARGIN, Claim, look_back
from hummingbot_scripts.ml_signals.kraken.account import (
    AccountSnapshot,
    RemoteOrder,
    RemoteTrade,
)
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.reconciliation import (
    DifferenceKind,
    Look,
    Reconciliation,
)
from hummingbot_scripts.ml_signals.recovery import reconcile
from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    Order,
    OrderRole,
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
    total,
)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=2)
SIZE = Decimal("0.01")
PLAN = Plan(SIZE, Decimal(60_000), START.timestamp(), Decimal("0.05"), Decimal("0.10"), 86_400)
POSITION = Position("p1", "BTC-USD", 9, Decimal("0.7"), Decimal(60_000), SIZE, START, plan=PLAN)
OPEN, FILLED = OrderStatus.OPEN, OrderStatus.FILLED
ENTRY, EXIT, PROTECTIVE = OrderRole.ENTRY, OrderRole.EXIT, OrderRole.PROTECTIVE


def look(now: datetime = NOW, *, first_at: datetime | None = None) -> Look:
    return Look(
        now, first_at or now - timedelta(minutes=1), START - MARGIN, {"BTC-USD": Decimal("0.0001")}
    )


@dataclass
class World:
    """One position as the journal has it, and the account at the exchange."""

    orders: list[Order] = field(default_factory=list)
    fills: dict[str, tuple[Fill, ...]] = field(default_factory=dict)
    remotes: list[RemoteOrder] = field(default_factory=list)
    trades: list[RemoteTrade] = field(default_factory=list)
    balance: Decimal | None = None
    position: Position = POSITION

    def journaled(self, number: int, role: OrderRole, **changes: object) -> "World":
        side = OrderSide.BUY if role is ENTRY else OrderSide.SELL
        kind = "STOP_LOSS" if role is PROTECTIVE else "MARKET"
        order = Order(str(number), "p1", "BTC-USD", side, kind, SIZE, None, START, role)
        self.orders.append(replace(order, **changes))  # type: ignore[arg-type]
        return self

    def remote(
        self,
        txid: str,
        number: int | None,
        side: str = "BUY",
        status: str = "closed",
        filled: Decimal = SIZE,
        amount: Decimal = SIZE,
        symbol: str = "BTC-USD",
    ) -> "World":
        order = RemoteOrder(
            txid,
            number,
            symbol,
            OrderSide(side),
            "market",
            amount,
            filled,
            status,
            START + timedelta(seconds=len(self.remotes)),
        )
        self.remotes.append(order)
        if filled:
            self.trade(f"T{txid}", txid, side, filled, symbol)
        return self

    def trade(
        self,
        trade_id: str,
        txid: str,
        side: str,
        amount: Decimal,
        symbol: str = "BTC-USD",
        price: Decimal = Decimal("60000.1"),
    ) -> "World":
        cost = price * amount
        trade = RemoteTrade(
            trade_id,
            txid,
            symbol,
            OrderSide(side),
            price,
            amount,
            cost,
            cost / 400,
            START + timedelta(seconds=5 + len(self.trades)),
        )
        self.trades.append(trade)
        return self

    def at_price(self, price: str) -> "World":
        last = self.trades[-1]
        cost = Decimal(price) * last.amount
        self.trades[-1] = replace(last, price=Decimal(price), cost=cost)
        return self

    @property
    def truth(self) -> Decimal:
        numbers = {order.userref for order in self.orders}
        own = {
            remote.txid
            for remote in self.remotes
            if remote.symbol == "BTC-USD" and remote.userref in numbers
        }
        return sum(
            (
                trade.amount if trade.side is OrderSide.BUY else -trade.amount
                for trade in self.trades
                if trade.txid in own
            ),
            Decimal(0),
        )

    @property
    def claim(self) -> Claim:
        return Claim(self.position, tuple(self.orders), self.fills)

    @property
    def snapshot(self) -> AccountSnapshot:
        held = max(self.truth, Decimal(0)) if self.balance is None else self.balance
        return AccountSnapshot(tuple(self.remotes), tuple(self.trades), {"BTC": held})

    def judged(self, at: Look | None = None) -> Reconciliation:
        return reconcile([self.claim], self.snapshot, at or look())

    def held(self) -> "World":
        """An entry that is filled, journaled and acknowledged."""
        return self.journaled(1, ENTRY, status=FILLED, txid="OE").remote("OE", 1).known("OE")

    def known(self, txid: str) -> "World":
        """Let the journal have the fills of an order."""
        remote = next(order for order in self.remotes if order.txid == txid)
        name = str(remote.userref)
        self.fills[name] = tuple(
            Fill(name, t.trade_id, t.price, t.amount, t.fee_quote, t.at, t.cost)
            for t in self.trades
            if t.txid == txid
        )
        return self


def state(found: Reconciliation, number: int) -> tuple[OrderStatus, str | None]:
    return next(
        (item.status, item.txid) for item in found.order_states if item.order_id == str(number)
    )


def test_a_position_without_an_order_was_never_entered() -> None:
    found = World().judged()
    assert found == Reconciliation(finished=found.finished)
    assert (found.finished[0].state, found.finished[0].reason) == (
        PositionState.CLOSED,
        ExitReason.FAILED,
    )


def test_an_order_that_was_journaled_and_never_sent_has_failed() -> None:
    found = World().journaled(1, ENTRY).judged()
    assert state(found, 1) == (OrderStatus.FAILED, None)
    assert found.finished[0].reason is ExitReason.FAILED
    assert not found.money_at_stake


def test_an_order_that_may_still_be_on_its_way_is_waited_for() -> None:
    world = World().journaled(1, ENTRY, created_at=NOW - timedelta(seconds=9))
    found = world.judged()
    assert found.money_at_stake
    assert "may still be on its way" in found.unsettled[0].words
    assert not found.order_states
    assert not found.finished
    assert world.judged(look(NOW + timedelta(seconds=1))).finished


def test_an_order_of_before_the_snapshot_is_no_failure() -> None:
    world = World().journaled(1, ENTRY, created_at=START - MARGIN - timedelta(seconds=1))
    found = world.judged()
    assert "before what the exchange was asked about" in found.unsettled[0].words
    assert not found.finished


def test_an_order_whose_id_was_never_learned_is_found_by_its_number() -> None:
    found = World().journaled(1, ENTRY).remote("OE", 1).judged()
    assert state(found, 1) == (FILLED, "OE")
    (adoption,) = found.adopt
    assert adoption.held == SIZE
    assert adoption.entry.order.txid == "OE"
    assert adoption.position.plan == PLAN
    assert not found.money_at_stake


def test_a_fill_of_the_dead_time_is_journaled_with_its_exact_cost_and_fee() -> None:
    world = World().journaled(1, ENTRY).remote("OE", 1)
    (fill,) = world.judged().new_fills
    (trade,) = world.trades
    assert (fill.cost_quote, fill.fee_quote, fill.price) == (
        trade.cost,
        trade.fee_quote,
        trade.price,
    )
    assert (fill.order_id, fill.trade_id, fill.filled_at) == ("1", "TOE", trade.at)


def test_an_entry_that_still_rests_is_cancelled_before_anything_else() -> None:
    world = World().journaled(1, ENTRY).remote("OE", 1, status="open", filled=Decimal(0))
    found = world.judged()
    assert found.cancel == ("OE",)
    assert state(found, 1) == (OPEN, "OE")
    assert not found.adopt
    assert found.money_at_stake


def test_a_partly_filled_entry_is_cancelled_then_adopted_with_what_it_bought() -> None:
    part = Decimal("0.004")
    world = World().journaled(1, ENTRY).remote("OE", 1, status="open", filled=part)
    found = world.judged()
    assert found.cancel == ("OE",)
    assert state(found, 1) == (OrderStatus.PARTIALLY_FILLED, "OE")
    world.remotes[0] = replace(world.remotes[0], status="canceled")
    after = world.judged()
    assert after.adopt[0].held == part
    assert after.adopt[0].entry.order.amount == part
    assert state(after, 1) == (OrderStatus.CANCELED, "OE")


def test_executions_that_are_not_listed_yet_are_waited_for() -> None:
    world = World().journaled(1, ENTRY).remote("OE", 1)
    world.trades.clear()
    world.balance = SIZE
    found = world.judged(look(first_at=NOW))
    assert "trades are not listed" in found.unsettled[0].words
    assert not found.adopt
    assert not found.differences
    assert world.judged().differences[0].kind is DifferenceKind.UNLISTED


def test_an_accepted_order_that_the_exchange_does_not_list_needs_a_person() -> None:
    world = World().journaled(1, ENTRY, txid="OE")
    assert not world.judged(look(first_at=NOW)).differences
    found = world.judged()
    assert found.unsettled
    assert found.differences[0].kind is DifferenceKind.UNLISTED
    assert found.differences[0].kind.needs_person


def test_an_exit_that_was_sent_and_never_acknowledged_is_found() -> None:
    world = World().held().journaled(2, EXIT).remote("OX", 2, "SELL").at_price("56900")
    found = world.judged()
    assert state(found, 2) == (FILLED, "OX")
    (end,) = found.finished
    assert (end.state, end.reason) == (PositionState.CLOSED, ExitReason.STOP_LOSS)
    assert end.at == world.trades[-1].at
    assert not found.adopt


@pytest.mark.parametrize(
    ("price", "sent", "noted", "reason"),
    [
        ("66100", START, None, ExitReason.TAKE_PROFIT),
        ("60500", START, None, ExitReason.EARLY_STOP),
        ("60500", START + timedelta(days=1), None, ExitReason.TIME_LIMIT),
        ("56000", START, ExitReason.SIGNAL_DOWN, ExitReason.SIGNAL_DOWN),
    ],
)
def test_the_reason_of_an_exit_is_what_was_noted_or_what_fits(
    price: str, sent: datetime, noted: ExitReason | None, reason: ExitReason
) -> None:
    world = World(position=replace(POSITION, exit_reason=noted)).held()
    world.journaled(2, EXIT, created_at=sent).remote("OX", 2, "SELL").at_price(price)
    at = look(max(NOW, sent + timedelta(minutes=1)))
    assert world.judged(at).finished[0].reason is reason


def test_an_exit_that_never_arrived_leaves_the_position_to_be_guarded() -> None:
    found = World().held().journaled(2, EXIT).judged()
    assert state(found, 2) == (OrderStatus.FAILED, None)
    (adoption,) = found.adopt
    assert (adoption.held, adoption.exits) == (SIZE, ())


def test_an_exit_that_is_partly_filled_goes_on() -> None:
    part = Decimal("0.004")
    world = World().held().journaled(2, EXIT).remote("OX", 2, "SELL", "open", part)
    found = world.judged()
    (adoption,) = found.adopt
    assert adoption.held == SIZE - part
    assert not found.cancel
    (leg,) = adoption.exits
    assert (leg.order.order_id, leg.filled, bool(leg.live)) == ("2", part, True)


def test_an_exit_cancelled_by_hand_is_told_and_the_rest_guarded() -> None:
    part = Decimal("0.004")
    world = World().held().journaled(2, EXIT).remote("OX", 2, "SELL", "canceled", part)
    found = world.judged()
    assert found.adopt[0].held == SIZE - part
    (difference,) = found.differences
    assert difference.kind is DifferenceKind.CANCELED_ELSEWHERE
    assert difference.amount == SIZE - part
    assert not found.money_at_stake


def test_a_resting_protective_stop_is_adopted_with_its_position() -> None:
    world = World().held().journaled(3, PROTECTIVE)
    world.remote("OP", 3, "SELL", "open", Decimal(0))
    found = world.judged()
    assert not found.cancel
    assert [leg.txid for leg in found.adopt[0].protective] == ["OP"]
    assert found.adopt[0].exits == ()


def test_a_protective_stop_that_filled_ends_the_position_as_a_stop() -> None:
    world = World(position=replace(POSITION, exit_reason=ExitReason.SIGNAL_DOWN)).held()
    world.journaled(3, PROTECTIVE).remote("OP", 3, "SELL").at_price("56300")
    (end,) = world.judged().finished
    assert end.reason is ExitReason.STOP_LOSS


def test_a_protective_stop_that_is_filling_is_adopted_with_its_fills() -> None:
    part = Decimal("0.004")
    world = World().held().journaled(3, PROTECTIVE).remote("OP", 3, "SELL", "open", part)
    (adoption,) = world.judged().adopt
    assert adoption.held == SIZE - part
    assert adoption.protective[0].filled == part


def test_a_protective_stop_for_more_than_is_left_is_cancelled() -> None:
    world = World().held().journaled(2, EXIT)
    world.remote("OX", 2, "SELL", "canceled", Decimal("0.004"))
    world.journaled(3, PROTECTIVE).remote("OP", 3, "SELL", "open", Decimal(0))
    found = world.judged()
    assert found.cancel == ("OP",)
    assert not found.adopt


def test_an_exit_and_a_stop_that_both_rest_sell_the_coins_once() -> None:
    world = World().held().journaled(2, EXIT).remote("OX", 2, "SELL", "open", Decimal(0))
    world.journaled(3, PROTECTIVE).remote("OP", 3, "SELL", "open", Decimal(0))
    assert world.judged().cancel == ("OP",)


def test_the_stop_of_a_finished_position_is_cancelled() -> None:
    world = World().held().journaled(2, EXIT).remote("OX", 2, "SELL")
    world.journaled(3, PROTECTIVE).remote("OP", 3, "SELL", "open", Decimal(0))
    found = world.judged()
    assert found.cancel == ("OP",)
    assert not found.finished


def test_two_orders_with_one_number_are_both_the_positions() -> None:
    world = World().journaled(1, ENTRY).remote("OE", 1).remote("OE2", 1)
    found = world.judged()
    assert found.adopt[0].held == 2 * SIZE
    assert found.differences[0].kind is DifferenceKind.DOUBLED
    assert "OE, OE2" in found.differences[0].words
    assert state(found, 1) == (FILLED, "OE")


def test_of_two_resting_exits_with_one_number_one_goes() -> None:
    world = World().held().journaled(2, EXIT)
    for txid in ("OX", "OX2"):
        world.remote(txid, 2, "SELL", "open", Decimal(0))
    assert world.judged().cancel == ("OX2",)


@pytest.mark.parametrize(("symbol", "side"), [("ETH-USD", "BUY"), ("BTC-USD", "SELL")])
def test_a_number_on_another_pair_or_side_is_somebody_elses(symbol: str, side: str) -> None:
    world = World().journaled(1, ENTRY)
    world.remote("OF", 1, side, "open", Decimal(0), symbol=symbol)
    found = world.judged()
    assert not found.cancel
    assert found.finished


def test_an_adopted_exit_bears_the_amount_and_the_id_of_the_one_that_still_fills() -> None:
    part = Decimal("0.002")
    world = World().held().journaled(2, EXIT, amount=Decimal("0.0040004"))
    world.remote("OX", 2, "SELL", "canceled", part, Decimal("0.004"))
    world.remote("OX2", 2, "SELL", "open", part, Decimal("0.004"))
    (leg,) = world.judged().adopt[0].exits
    assert (leg.txid, leg.order.amount, leg.filled) == ("OX2", Decimal("0.008"), 2 * part)


def test_a_coin_that_is_not_traded_any_more_is_not_judged() -> None:
    world = World().journaled(1, ENTRY)
    found = world.judged(replace(look(), traded={"ETH-USD"}))
    assert found == Reconciliation(unsettled=found.unsettled)
    assert "add it and start again" in found.unsettled[0].words


def test_orders_without_a_number_of_the_bot_are_never_named() -> None:
    world = World().held().remote("OF", None, "SELL", "open", Decimal(0))
    world.remote("OG", 99, "BUY", "open", Decimal(0))
    assert world.judged() == Reconciliation(adopt=world.judged().adopt)


def test_what_somebody_sold_is_not_sold_again_and_needs_a_person() -> None:
    world = World(balance=Decimal("0.004")).held()
    world.remote("OF", None, "SELL", filled=Decimal("0.006"))
    found = world.judged()
    (adoption,) = found.adopt
    assert adoption.held == Decimal("0.004")
    assert adoption.entry.filled == Decimal("0.004")
    assert adoption.entry.order.amount == Decimal("0.004")
    (difference,) = found.differences
    assert (difference.kind, difference.amount) == (
        DifferenceKind.SOLD_ELSEWHERE,
        Decimal("0.006"),
    )
    assert "0.006 are missing" in difference.words
    assert found.money_at_stake


def test_the_adopted_part_of_an_entry_keeps_its_price_and_the_share_of_its_fee() -> None:
    world = World(balance=SIZE / 4).held()
    (fill,) = world.judged().adopt[0].entry.fills
    (trade,) = world.trades
    assert fill.price == trade.price
    assert fill.fee_quote == trade.fee_quote / 4
    assert fill.quote == trade.cost / 4


def test_a_balance_that_may_only_lag_is_waited_for() -> None:
    world = World(balance=Decimal(0)).held()
    assert world.judged(look(first_at=NOW)).unsettled
    assert not world.judged(look(first_at=NOW)).differences
    recent = look(world.trades[-1].at + timedelta(seconds=14), first_at=START)
    assert not world.judged(recent).differences


def test_coins_that_are_all_gone_wait_for_a_person_who_writes_them_off() -> None:
    world = World(balance=Decimal(0)).held()
    found = world.judged()
    assert found.unsettled
    assert found.differences[0].kind is DifferenceKind.SOLD_ELSEWHERE
    assert not found.finished
    world.position = replace(POSITION, written_off=SIZE)
    accepted = world.judged()
    assert accepted.finished[0].state is PositionState.GONE
    assert not accepted.money_at_stake


def test_a_written_off_part_differs_no_more() -> None:
    world = World(balance=Decimal("0.004")).held()
    world.position = replace(POSITION, written_off=Decimal("0.006"))
    found = world.judged()
    assert found.adopt[0].held == Decimal("0.004")
    assert found.adopt[0].entry.filled == Decimal("0.004")
    assert not found.differences


def test_a_stop_for_coins_that_are_gone_is_cancelled() -> None:
    world = World(balance=Decimal("0.004")).held().journaled(3, PROTECTIVE)
    world.remote("OP", 3, "SELL", "open", Decimal(0))
    assert world.judged().cancel == ("OP",)


def test_coins_beyond_the_bots_are_left_alone_and_mentioned() -> None:
    world = World(balance=Decimal(3)).held()
    found = world.judged()
    assert found.adopt[0].held == SIZE
    assert found.differences[0].kind is DifferenceKind.MORE_THAN_OURS
    assert found.differences[0].amount == Decimal(3) - SIZE
    assert not found.money_at_stake


def test_dust_is_the_end_of_a_position() -> None:
    world = World().held().journaled(2, EXIT)
    world.remote("OX", 2, "SELL", filled=Decimal("0.00995"), amount=Decimal("0.00995"))
    (end,) = world.judged().finished
    assert end.state is PositionState.CLOSED


def test_more_sold_than_bought_needs_a_person_and_ends_the_position() -> None:
    world = World().held().journaled(2, EXIT).journaled(3, PROTECTIVE)
    world.remote("OX", 2, "SELL").remote("OP", 3, "SELL")
    found = world.judged()
    assert found.differences[0].kind is DifferenceKind.OVERSOLD
    assert found.differences[0].amount == SIZE
    assert found.finished
    assert found.money_at_stake


def test_two_positions_of_one_coin_share_its_balance() -> None:
    first = World(balance=Decimal("0.015")).held()
    other = Claim(
        replace(POSITION, position_id="p2", symbol="BTC-EUR"),
        (replace(first.orders[0], order_id="7", position_id="p2", symbol="BTC-EUR", txid="OZ"),),
        {"7": tuple(replace(fill, order_id="7") for fill in first.fills["1"])},
    )
    found = reconcile([first.claim, other], first.snapshot, look())
    assert [adoption.held for adoption in found.adopt] == [SIZE, Decimal("0.005")]


def test_a_look_back_reaches_the_first_open_question_and_no_further() -> None:
    world = World().held().journaled(2, EXIT, created_at=START + timedelta(minutes=1))
    assert look_back([world.claim], NOW) == START + timedelta(minutes=1) - MARGIN
    assert look_back([World().held().claim], NOW) == NOW - MARGIN
    lost = World().journaled(1, ENTRY, status=FILLED)
    assert look_back([lost.claim], NOW) == START - MARGIN


# What holds for every mess

PARTS = st.sampled_from([Decimal(0), Decimal("0.0025"), Decimal("0.0049"), SIZE])
STATUSES = st.sampled_from(["open", "pending", "closed", "canceled", "expired"])


@st.composite
def messes(draw: st.DrawFn) -> World:
    world = World()
    for number, role in enumerate(draw(st.lists(st.sampled_from(OrderRole), max_size=4)), start=1):
        status = draw(st.sampled_from(OrderStatus))
        world.journaled(number, role, status=status)
        for copy in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
            txid = f"O{number}-{copy}"
            side = "BUY" if role is ENTRY else "SELL"
            world.remote(txid, number, side, draw(STATUSES), draw(PARTS))
            if draw(st.booleans()):
                world.orders[-1] = replace(world.orders[-1], txid=txid)
            if draw(st.booleans()):
                world.known(txid)
    for number in draw(st.lists(st.sampled_from([1, 2, 77]), max_size=2)):
        symbol = "ETH-USD" if number < 77 else "BTC-USD"
        world.remote(f"F{len(world.remotes)}", number, "SELL", draw(STATUSES), symbol=symbol)
    world.balance = draw(st.none() | PARTS | st.just(Decimal(1)))
    world.position = replace(POSITION, written_off=draw(st.sampled_from([Decimal(0), SIZE / 2])))
    return world


def journaled(world: World, found: Reconciliation) -> World:
    """Let the journal take over what was found."""
    fills = dict(world.fills)
    for fill in found.new_fills:
        fills[fill.order_id] = (*fills.get(fill.order_id, ()), fill)
    states = {item.order_id: item for item in found.order_states}
    orders = [
        replace(order, status=states[order.order_id].status, txid=states[order.order_id].txid)
        if order.order_id in states
        else order
        for order in world.orders
    ]
    return replace(world, orders=orders, fills=fills)


@settings(max_examples=300, deadline=None)
@given(messes())
def test_never_more_is_adopted_than_was_bought_and_not_sold_and_is_there(world: World) -> None:
    found = world.judged()
    for adoption in found.adopt:
        assert 0 <= adoption.held <= world.truth
        assert adoption.held <= world.snapshot.balances["BTC"]
        sold = sum((leg.filled for leg in adoption.exits + adoption.protective), Decimal(0))
        assert total(adoption.entry.fills).amount - sold == adoption.held


@settings(max_examples=300, deadline=None)
@given(messes())
def test_no_order_is_named_that_is_not_the_bots(world: World) -> None:
    found = world.judged()
    own = {
        remote.txid
        for remote in world.remotes
        if remote.txid.startswith("O") and remote.status in {"open", "pending"}
    }
    assert set(found.cancel) <= own
    assert len(set(found.cancel)) == len(found.cancel)
    real = {trade.trade_id for trade in world.trades if trade.txid.startswith("O")}
    assert {fill.trade_id for fill in found.new_fills} <= real


@settings(max_examples=300, deadline=None)
@given(messes())
def test_what_is_left_to_sell_never_exceeds_what_is_adopted(world: World) -> None:
    for adoption in world.judged().adopt:
        resting = _resting([*adoption.exits, *adoption.protective])
        assert resting <= adoption.held


def _resting(legs: Sequence[object]) -> Decimal:
    return sum(
        (
            remote.amount - remote.filled
            for leg in legs
            for remote in leg.live  # type: ignore[attr-defined]
        ),
        Decimal(0),
    )


@settings(max_examples=300, deadline=None)
@given(messes())
def test_looking_twice_changes_nothing_more(world: World) -> None:
    found = world.judged()
    again = journaled(world, found).judged()
    assert (again.new_fills, again.order_states) == ((), ())
    assert again.cancel == found.cancel
    assert again.finished == found.finished
    assert [item.held for item in again.adopt] == [item.held for item in found.adopt]
    assert journaled(world, found).judged() == again


@settings(max_examples=300, deadline=None)
@given(messes())
def test_a_position_is_adopted_or_finished_or_unsettled(world: World) -> None:
    found = world.judged()
    assert len(found.adopt) + len(found.finished) + len(found.unsettled) == 1
