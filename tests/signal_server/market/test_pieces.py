"""A period is cut into requests that fill it and end where the store's files end."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.market.pieces import last_close_before, pieces_of

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTES = st.integers(0, 600_000)


@given(start=MINUTES, length=MINUTES, bar_seconds=st.sampled_from([1, 60]))
def test_pieces_fill_the_period_in_order_and_fit_a_page(
    start: int, length: int, bar_seconds: int
) -> None:
    first = START + timedelta(minutes=start)
    last = first + timedelta(minutes=length if bar_seconds == 60 else length // 100)
    pieces = pieces_of((first, last), bar_seconds)
    edges = [first, *(end for _, end in pieces)]
    assert edges[-1] == last
    assert [begin for begin, _ in pieces] == edges[:-1]
    assert all(0 < (b - a) / timedelta(seconds=bar_seconds) <= 45_000 for a, b in pieces)


def test_a_month_of_the_store_is_one_piece() -> None:
    minute = timedelta(minutes=1)
    months = [datetime(2024, n, 1, tzinfo=UTC) - minute for n in (1, 2, 3)]
    assert pieces_of((months[0], months[2]), 60) == list(itertools.pairwise(months))


def test_the_bar_that_closes_at_the_end_of_a_month_is_no_request_of_its_own() -> None:
    end = datetime(2024, 3, 1, tzinfo=UTC)
    assert [last for _, last in pieces_of((START, end), 60)] == [
        datetime(2024, 1, 31, 23, 59, tzinfo=UTC),
        end,
    ]


@pytest.mark.parametrize(
    ("second", "bar_seconds", "close"), [(59, 60, 0), (60, 60, 60), (61, 60, 60), (61, 1, 61)]
)
def test_the_newest_bar_that_is_over_closed_at_or_before_now(
    second: int, bar_seconds: int, close: int
) -> None:
    found = last_close_before(START + timedelta(seconds=second), bar_seconds)
    assert found == START + timedelta(seconds=close)
