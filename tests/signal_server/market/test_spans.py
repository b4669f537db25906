"""Sets of bar numbers."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from signal_server.market.spans import Span, Spans, close_of, number_of

edges = st.tuples(st.integers(0, 30), st.integers(0, 30))
changes = st.lists(st.tuples(st.booleans(), edges), max_size=12)


def numbers(span: Span) -> set[int]:
    return set(range(span[0] + 1, span[1] + 1))


@given(changes)
def test_spans_are_a_set_of_numbers_kept_apart_and_in_order(
    steps: list[tuple[bool, Span]],
) -> None:
    spans, truth = Spans(), set[int]()
    for adds, span in steps:
        (spans.add if adds else spans.remove)(span)
        truth = truth | numbers(span) if adds else truth - numbers(span)
    assert {number for number in range(32) if number in spans} == truth
    assert spans.count() == len(truth)
    assert bool(spans) == bool(truth)
    ends = [edge for span in spans for edge in span]
    assert ends == sorted(set(ends))


@given(changes, edges)
def test_a_part_of_a_set_and_what_is_left_without_it_make_the_whole(
    steps: list[tuple[bool, Span]], span: Span
) -> None:
    spans = Spans(edge for adds, edge in steps if adds)
    inside = spans.within(span)
    left = spans.minus(inside)
    assert sum(last - after for after, last in inside) + left.count() == spans.count()
    assert not left.within(span)


def test_a_bar_is_numbered_by_its_close() -> None:
    close = datetime(2025, 1, 1, 0, 1, tzinfo=UTC)
    assert close_of(number_of(close, 60), 60) == close
    assert number_of(close + timedelta(seconds=59), 60) == number_of(close, 60)
    assert number_of(close - timedelta(seconds=1), 60) == number_of(close, 60) - 1
