from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.journal.exact import average, read, total, written
from signal_server.journal.journal import Journal

reported = st.decimals(
    min_value=Decimal("-99999999999999999999"),
    max_value=Decimal("99999999999999999999"),
    places=30,
)
amounts = st.decimals(min_value=Decimal("1e-30"), max_value=Decimal("1e10"), places=30)


@given(st.lists(reported, max_size=50))
def test_a_sum_rounds_nothing(values: list[Decimal]) -> None:
    assert Fraction(total(values)) == sum(map(Fraction, values))


@given(reported)
def test_what_is_written_reads_the_same_and_has_no_exponent(value: Decimal) -> None:
    assert read(written(value)) == value
    assert "E" not in written(value)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=5))
def test_a_mean_is_right_to_thirty_places(pairs: list[tuple[Decimal, Decimal]]) -> None:
    mean = average(pairs)
    assert mean is not None
    weights = sum(Fraction(weight) for _, weight in pairs)
    exact = sum(Fraction(value) * Fraction(weight) for value, weight in pairs) / weights
    assert abs(Fraction(mean) - exact) <= Fraction(1, 10**30)


def test_the_mean_of_one_price_is_that_price() -> None:
    price = Decimal("60000.123456789012345678901234567890")
    assert average([(price, Decimal("0.0016666"))]) == price


def test_nothing_has_no_mean() -> None:
    assert average([]) is None
    assert average([(Decimal(1), Decimal(0))]) is None


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["0.1", "0.2", None], "0.3"),
        (["99999999999999999999", "0.000000000000000000000000000001"], "9" * 20 + "." + "0" * 29),
    ],
)
def test_sql_sums_as_exactly(tmp_path: Path, column: list[str | None], expected: str) -> None:
    with Journal.open(tmp_path / "log.sqlite") as journal:
        rows = ", ".join("(?)" for _ in column)
        (row,) = journal.query(
            f"WITH v (x) AS (VALUES {rows}) SELECT exact_sum(x) AS s FROM v",  # noqa: S608
            tuple(column),
        )
    assert row["s"].startswith(expected)
    assert read(row["s"]) == total(read(value) for value in column if value)
