from datetime import UTC, datetime
from decimal import Decimal

import pytest

from market_sim.trials.books import BookedOrder, Books
from market_sim.trials.evidence import Evidence, SaidFill, SaidOrder, SaidPosition
from market_sim.trials.phases import Phase, phase_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COIN = "BTC-USD"
POSITION = SaidPosition("p1", COIN, 5, "OPEN", None, NOW, None, {})
WHOLE, HALF, NONE = Decimal(2), Decimal(1), Decimal(0)


def said(role: str, number: int, *, txid: str | None = None, filled: Decimal = NONE) -> SaidOrder:
    fills = (SaidFill("T", Decimal(1), filled, NONE, filled),) if filled else ()
    side = "BUY" if role == "ENTRY" else "SELL"
    return SaidOrder(str(number), "p1", COIN, side, role, "OPEN", txid, fills)


def booked(number: int, filled: Decimal, kind: str = "market") -> BookedOrder:
    live = filled < WHOLE
    return BookedOrder(
        f"O{number}", number, COIN, number == 1, kind, WHOLE, filled, live, NOW, None
    )


ENTERED = (said("ENTRY", 1, txid="O1", filled=WHOLE), booked(1, WHOLE))


@pytest.mark.parametrize(
    ("mine", "theirs", "phase"),
    [
        ([], [], Phase.ENTRY_JOURNALED),
        ([said("ENTRY", 1)], [], Phase.ENTRY_JOURNALED),
        ([said("ENTRY", 1)], [booked(1, NONE)], Phase.ENTRY_SENT),
        ([said("ENTRY", 1, txid="O1")], [booked(1, NONE)], Phase.ENTRY_ACKNOWLEDGED),
        ([said("ENTRY", 1, txid="O1")], [booked(1, HALF)], Phase.ENTRY_PARTLY_FILLED),
        ([said("ENTRY", 1, txid="O1")], [booked(1, WHOLE)], Phase.ENTRY_FILLED),
        ([ENTERED[0]], [ENTERED[1]], Phase.OPEN),
        ([ENTERED[0], said("PROTECTIVE", 2)], [ENTERED[1]], Phase.PROTECTIVE_SENT),
        (
            [ENTERED[0], said("PROTECTIVE", 2, txid="O2")],
            [ENTERED[1], booked(2, NONE, "stop-loss")],
            Phase.PROTECTIVE_RESTING,
        ),
        ([ENTERED[0], said("EXIT", 3)], [ENTERED[1]], Phase.EXIT_JOURNALED),
        ([ENTERED[0], said("EXIT", 3)], [ENTERED[1], booked(3, NONE)], Phase.EXIT_SENT),
        (
            [ENTERED[0], said("EXIT", 3, txid="O3")],
            [ENTERED[1], booked(3, NONE)],
            Phase.EXIT_ACKNOWLEDGED,
        ),
        ([ENTERED[0], said("EXIT", 3)], [ENTERED[1], booked(3, HALF)], Phase.EXIT_PARTLY_FILLED),
        ([ENTERED[0], said("EXIT", 3)], [ENTERED[1], booked(3, WHOLE)], Phase.EXIT_FILLED),
        (
            [ENTERED[0], said("EXIT", 3, txid="O3", filled=WHOLE)],
            [ENTERED[1], booked(3, WHOLE)],
            Phase.LEFT,
        ),
    ],
)
def test_the_phase_is_what_journal_and_exchange_know(
    mine: list[SaidOrder], theirs: list[BookedOrder], phase: Phase
) -> None:
    evidence = Evidence(positions=(POSITION,), orders=tuple(mine))
    assert phase_of(COIN, Books(tuple(theirs)), evidence) is phase


def test_a_coin_without_an_unfinished_position_has_no_phase() -> None:
    assert phase_of(COIN, Books(), Evidence()) is None
