from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken.ladder import DEPTH, Best, BrokenBookError, Ladder

ASKS = [[f"0.0{5005 + 5 * step}", "0.00000500", "1.0"] for step in range(10)]
BIDS = [
    [f"0.0{price}", "0.00000500", "1.0"]
    for price in (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)
]
DOCUMENTED = 974947235
"""The checksum of this book in Kraken's own documentation."""


def snapshot(asks: list[list[str]], bids: list[list[str]]) -> list[object]:
    return [0, {"as": asks, "bs": bids}, "book-100", "XBT/USD"]


def update(**parts: object) -> list[object]:
    return [0, dict(parts), "book-100", "XBT/USD"]


def ladder() -> Ladder:
    book = Ladder()
    book.apply(snapshot(ASKS, BIDS))
    return book


def test_the_checksum_is_the_one_of_kraken_s_documentation() -> None:
    assert ladder().checksum() == DOCUMENTED


def test_a_right_checksum_is_taken_and_a_wrong_one_breaks_the_book() -> None:
    book = ladder()
    book.apply(update(b=[BIDS[0]], c=str(DOCUMENTED)))
    assert book.has_snapshot
    with pytest.raises(BrokenBookError, match="checksum"):
        book.apply(update(b=[BIDS[0]], c=str(DOCUMENTED + 1)))
    assert not book.has_snapshot


def test_both_sides_of_an_update_in_two_parts_are_one_change() -> None:
    book = ladder()
    gone = [BIDS[0][0], "0.00000000", "2.0"]
    book.apply([0, {"a": [["0.04999", "1.0", "2.0"]]}, {"b": [gone]}, "book-100", "XBT/USD"])
    assert book.best == Best(Decimal("0.04995"), Decimal("0.04999"))


def test_a_crossed_book_is_broken() -> None:
    with pytest.raises(BrokenBookError, match="cross"):
        ladder().apply(update(b=[["0.06", "1.0", "2.0"]]))


def test_nothing_is_built_on_a_book_that_has_no_snapshot() -> None:
    with pytest.raises(BrokenBookError):
        Ladder().apply(update(a=[ASKS[0]]))


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3)), max_size=400))
def test_a_book_is_its_best_levels_and_what_it_tells_builds_the_same_book(
    steps: list[tuple[int, int]],
) -> None:
    book, told = Ladder(), {}
    book.apply(snapshot([["1000", "1.0", "1.0"]], [["0.5", "1.0", "1.0"]]))
    told["1000"] = "1.0"
    for price, size in steps:
        change = book.apply(update(a=[[str(price), str(size), "1.0"]]))
        for level, left in change.asks:
            if Decimal(left):
                told[level] = left
            else:
                told.pop(level, None)
    best = sorted(told, key=Decimal)
    assert len(best) <= DEPTH
    if best:
        assert book.best == Best(Decimal("0.5"), Decimal(best[0]))
