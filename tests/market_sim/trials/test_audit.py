from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from market_sim.trials.audit import Case, disagreements, everything, unfinished, unsafe
from market_sim.trials.books import BookedOrder, BookedTrade, Books
from market_sim.trials.evidence import Evidence, LoggedOrder, SaidFill, SaidOrder, SaidPosition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPENING = {"USD": Decimal(1000), "BTC": Decimal(7)}
SIZE = Decimal("0.001")
FEE = Decimal("0.15")


def booked_order(number: int, *, buy: bool) -> BookedOrder:
    return BookedOrder(
        txid=f"O{number}",
        userref=number,
        symbol="BTC-USD",
        buy=buy,
        kind="market",
        size=SIZE,
        filled=SIZE,
        live=False,
        opened_at=NOW,
        closed_at=NOW,
    )


def booked_trade(number: int, *, buy: bool, cost: str) -> BookedTrade:
    price = Decimal(cost) / SIZE
    return BookedTrade(
        f"T{number}", f"O{number}", "BTC-USD", buy, price, SIZE, Decimal(cost), FEE, NOW
    )


def said_order(number: int, *, buy: bool, cost: str) -> SaidOrder:
    fill = SaidFill(f"T{number}", Decimal(cost) / SIZE, SIZE, FEE, Decimal(cost))
    side, role = ("BUY", "ENTRY") if buy else ("SELL", "EXIT")
    return SaidOrder(str(number), "p1", "BTC-USD", side, role, "FILLED", f"O{number}", (fill,))


def logged_order(number: int, *, buy: bool, pnl: str | None) -> LoggedOrder:
    gained = None if pnl is None else Decimal(pnl)
    return LoggedOrder(str(number), "p1", "BTC-USD", "FILLED", not buy, SIZE, FEE, gained, True)


def agreeing() -> Case:
    """A coin bought for 60 and sold for 58 with fees of 0.15 each: a loss of 2.30."""
    books = Books(
        (booked_order(1, buy=True), booked_order(2, buy=False)),
        (booked_trade(1, buy=True, cost="60"), booked_trade(2, buy=False, cost="58")),
        {"USD": Decimal("997.70"), "BTC": Decimal(7)},
    )
    position = SaidPosition("p1", "BTC-USD", 5, "CLOSED", "STOP_LOSS", NOW, Decimal("-2.30"), {})
    said = Evidence(
        positions=(position,),
        orders=(said_order(1, buy=True, cost="60"), said_order(2, buy=False, cost="58")),
        logged=(logged_order(1, buy=True, pnl=None), logged_order(2, buy=False, pnl="-2.30")),
    )
    return Case(books, said, OPENING)


def test_accounts_that_agree_have_no_problem() -> None:
    assert everything(agreeing()) == []


def test_an_order_that_was_sent_twice_is_found() -> None:
    case = agreeing()
    orders = (*case.books.orders, replace(case.books.orders[0], txid="O9"))
    assert unsafe(replace(case, books=replace(case.books, orders=orders)))


def test_an_order_that_nobody_journaled_is_found() -> None:
    case = agreeing()
    said = replace(case.said, orders=case.said.orders[:1])
    assert unsafe(replace(case, said=said)) == ["BTC-USD: order O2 is not in the journal"]


def test_coins_that_are_not_its_own_are_missed() -> None:
    case = agreeing()
    trades = (*case.books.trades, booked_trade(3, buy=False, cost="58"))
    assert unsafe(replace(case, books=replace(case.books, trades=trades)))


def test_two_positions_on_one_signal_are_found() -> None:
    case = agreeing()
    twice = (*case.said.positions, replace(case.said.positions[0], position_id="p2"))
    assert unsafe(replace(case, said=replace(case.said, positions=twice))) == [
        "signal 5 was acted on 2 times"
    ]


def test_what_is_not_sold_and_not_sent_is_unfinished() -> None:
    case = agreeing()
    books = replace(case.books, trades=case.books.trades[:1])
    said = replace(case.said, waiting=3)
    assert unfinished(replace(case, books=books, said=said)) == [
        "BTC-USD: 0.001 are not sold",
        "3 events wait for the server",
    ]


def test_the_last_digit_counts_in_profit_fee_and_balance() -> None:
    case = agreeing()
    position = replace(case.said.positions[0], pnl=Decimal("-2.30001"))
    assert disagreements(replace(case, said=replace(case.said, positions=(position,))))
    logged = (case.said.logged[0], replace(case.said.logged[1], fees=Decimal("0.15001")))
    assert disagreements(replace(case, said=replace(case.said, logged=logged)))
    balances = {"USD": Decimal("997.70001"), "BTC": Decimal(7)}
    assert disagreements(replace(case, books=replace(case.books, balances=balances)))
