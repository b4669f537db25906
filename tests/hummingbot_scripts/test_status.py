from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.client import receive
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.rules.halts import Halt, HaltKind
from hummingbot_scripts.ml_signals.status import render
from hummingbot_scripts.ml_signals.status_page import Holding, Limits, StatusPage
from hummingbot_scripts.ml_signals.table import WIDTH, duration, price, table, wrapped
from hummingbot_scripts.ml_signals.trades import Position

GOLDEN = Path(__file__).parent / "golden"

MakeSignal = Callable[..., Any]


def _holding(symbol: str, now: datetime, **changes: object) -> Holding:
    opened = now - timedelta(hours=2)
    plan = Plan(
        amount=Decimal("0.01"),
        entry_price=Decimal(60_000),
        timestamp=opened.timestamp(),
        stop_loss=Decimal("0.05"),
        take_profit=Decimal("0.10"),
        time_limit_s=86_400,
        trailing_activation=Decimal("0.03"),
        trailing_delta=Decimal("0.01"),
        protective_margin=Decimal("0.01"),
    )
    position = Position(
        symbol, symbol, 1, Decimal("0.7"), Decimal(60_000), Decimal("0.01"), opened, plan=plan
    )
    base = Holding(
        position,
        entry_price=Decimal("60001.2"),
        net_pnl_share=Decimal("-0.0123"),
        closing=False,
        watched=True,
        price_now=Decimal("59400.5"),
        protective=Decimal("56400.1"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def quiet(now: datetime) -> StatusPage:
    return StatusPage(
        now=now,
        mode="paper",
        feed="connected",
        outbox_waiting=0,
        outbox_refused=0,
        outbox_problem="",
        holdings=[],
        signals={},
        reasons={},
        reason_counts={},
        closed=[],
    )


@pytest.fixture
def busy(quiet: StatusPage, now: datetime, make_signal: MakeSignal) -> StatusPage:
    btc = _holding("BTC-USD", now)
    closed = replace(
        btc.position, exit_reason=ExitReason.STOP_LOSS, closed_at=now - timedelta(minutes=5)
    )
    return replace(
        quiet,
        bot_id="alpha",
        mode="live",
        feed="connected, heard 2 s ago",
        clock_skew_s=0.31,
        problems=["The journal /data/ml.sqlite cannot be used: disk is full; make room."],
        control="PAUSE",
        control_why="ann since 2026-03-01 11:30 UTC: news of the day",
        halts=[
            Halt(
                HaltKind.DAILY_LOSS,
                now - timedelta(hours=1),
                now + timedelta(hours=12),
                "lost 51.20 of the 50.00 that are allowed",
                "by itself when the next day begins",
            )
        ],
        limits=Limits(
            Decimal("-51.2"), Decimal(50), Decimal(600), Decimal(500), 5, 2, 5, "Europe/Berlin"
        ),
        outbox_waiting=2,
        outbox_refused=1,
        outbox_problem="UNAVAILABLE: gone",
        holdings=[
            btc,
            _holding(
                "SHIB-USD",
                now,
                entry_price=Decimal("0.0000123456789"),
                price_now=Decimal("0.00001298"),
                amount=Decimal(8_100_445),
                net_pnl_share=Decimal("0.0512"),
                trailing_trigger=Decimal("0.0412"),
                protective=None,
                trouble="The exit is refused for 31 s: EService:Unavailable; it is tried again.",
            ),
            _holding(
                "ETH-USD", now, entry_price=None, net_pnl_share=None, price_now=None, watched=False
            ),
        ],
        signals={
            "BTC-USD": receive(make_signal(5), now - timedelta(seconds=7)),
            "ETH-USD": receive(
                make_signal(6, "ETH-USD", flags=["gap"]), now - timedelta(minutes=9)
            ),
            "SHIB-USD": None,
        },
        reasons={"BTC-USD": "already holding this coin", "ETH-USD": "signal rests on flagged data"},
        reason_counts={"no signal yet": 1, "already holding this coin": 14_000},
        closed=[
            (closed, Decimal("-31.7049")),
            (replace(closed, exit_reason=None, symbol="ETH-USD"), None),
        ],
    )


@pytest.fixture
def hundred(busy: StatusPage, now: datetime, make_signal: MakeSignal) -> StatusPage:
    signals: dict[str, Any] = {f"C{number:02}-USD": None for number in range(60)}
    for number in range(60, 97):
        signal = make_signal(number, f"C{number}-USD")
        signal.confidence = 0.9 if number in {70, 80} else 0.55
        if number > 90:
            signal.valid_until.FromDatetime(now - timedelta(seconds=1))
        signals[f"C{number}-USD"] = receive(signal, now - timedelta(seconds=3))
    return replace(busy, signals=busy.signals | signals, min_confidence=Decimal("0.6"))


@pytest.mark.parametrize("name", ["quiet", "busy", "hundred"])
def test_the_page_looks_as_it_did(name: str, request: pytest.FixtureRequest) -> None:
    shown = render(request.getfixturevalue(name)) + "\n"
    golden = GOLDEN / f"status_{name}.txt"
    assert shown == golden.read_text(encoding="utf-8"), f"it is now:\n{shown}"


@pytest.mark.parametrize("name", ["quiet", "busy", "hundred"])
def test_no_line_is_wider_than_a_terminal(name: str, request: pytest.FixtureRequest) -> None:
    page: StatusPage = request.getfixturevalue(name)
    long = replace(
        page,
        problems=["x" * 300, "y " * 200],
        feed="z" * 300,
        control_why="w" * 300,
        reasons={symbol: "r" * 300 for symbol in page.signals},
        reason_counts={"r" * 300: 1},
    )
    assert max(len(line) for line in render(long).splitlines()) <= WIDTH


def test_of_a_hundred_coins_those_with_something_to_say_are_shown(hundred: StatusPage) -> None:
    shown = render(hundred)
    assert len(shown.splitlines()) < 50
    assert shown.index("C70-USD") < shown.index("C80-USD")
    assert "C61-USD" not in shown
    assert "and 95 more: 29 fresh, 6 expired, 60 without one" in shown


def test_what_is_wrong_comes_before_everything_else(busy: StatusPage) -> None:
    lines = render(busy).splitlines()
    assert lines[1].startswith("  !! The journal")


def test_an_old_signal_is_shown_as_expired(busy: StatusPage) -> None:
    later = replace(busy, now=busy.now + timedelta(minutes=2))
    assert "2m 07s  expired" in render(later)


def test_a_position_that_nothing_guards_is_shouted_about(busy: StatusPage) -> None:
    assert "!! of an earlier run: no exit is guarding it yet" in render(busy)


def test_a_position_of_an_old_journal_without_a_plan_is_shown(busy: StatusPage) -> None:
    item = busy.holdings[0]
    bare = replace(item, position=replace(item.position, plan=None), protective=None)
    row = render(replace(busy, holdings=[bare])).split("POSITIONS")[1].splitlines()[2]
    assert row.split() == ["BTC-USD", "0.01", "60001.2", "59400.5", "-1.23%", *"-----"]


def test_barriers_that_are_reached_say_so(busy: StatusPage, now: datetime) -> None:
    fallen = _holding("BTC-USD", now, net_pnl_share=Decimal("-0.06"), closing=True)
    late = replace(busy, holdings=[fallen], now=now + timedelta(days=1))
    row = render(late).split("POSITIONS")[1].splitlines()[2]
    assert row.split()[5:] == [
        "reached",
        "16.00%",
        "arms",
        "in",
        "9.00%",
        "over",
        "56400.1",
        "closing",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (59.9, "59s"), (61, "1m 01s"), (7_500, "2h 05m"), (90_000, "1d 01h")],
)
def test_a_span_is_told_in_its_two_greatest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("60000", "60000"),
        ("60000.123456", "60000.123"),
        ("0.0000123456789", "0.000012345679"),
        ("123456789012", "123456789012"),
        ("0", "0"),
        ("NaN", "-"),
        ("1E+5", "100000"),
    ],
)
def test_a_price_has_eight_digits_and_no_exponent(value: str, text: str) -> None:
    assert price(Decimal(value)) == text
    assert price(None) == "-"


@given(st.lists(st.tuples(st.text(max_size=200), st.text(max_size=200)), max_size=4))
def test_a_table_keeps_within_the_terminal(rows: list[tuple[str, str]]) -> None:
    assert all(len(line) <= WIDTH for line in table(("A", "B"), rows))


@given(st.text(max_size=500))
def test_wrapped_text_keeps_within_the_terminal_and_loses_no_short_word(text: str) -> None:
    lines = wrapped(text, "  ")
    assert all(len(line) <= WIDTH for line in lines)
    words = [word for word in text.split() if len(word) < WIDTH - 2]
    assert [word for line in lines for word in line.split() if not word.endswith("…")] == [
        word for word in words if not word.endswith("…")
    ]
