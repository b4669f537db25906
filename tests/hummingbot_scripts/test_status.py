from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.client import receive
from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.status import Holding, StatusPage, render
from hummingbot_scripts.ml_signals.trades import Position


@pytest.fixture
def page(now: datetime, make_signal: Any) -> StatusPage:
    opened = now - timedelta(seconds=30)
    position = Position("p", "BTC-USD", 1, Decimal("0.7"), Decimal(60_000), Decimal("0.01"), opened)
    return StatusPage(
        now=now,
        mode="paper",
        feed="connected",
        outbox_waiting=2,
        outbox_refused=0,
        outbox_problem="UNAVAILABLE: gone",
        holdings=[Holding(position, Decimal(60_001), Decimal("-0.0123"), False, True)],
        signals={"BTC-USD": receive(make_signal(5), now - timedelta(seconds=7)), "ETH-USD": None},
        reasons={"BTC-USD": "already holding this coin"},
        reason_counts={"no signal yet": 1, "already holding this coin": 4},
        closed=[(replace(position, exit_reason=ExitReason.STOP_LOSS), Decimal("-5.5"))],
    )


def test_the_page_shows_positions_signals_with_age_and_reasons(page: StatusPage) -> None:
    text = render(page)
    assert "BTC-USD: 0.01 entry 60001, net -1.23%, 30 s old" in text
    assert "BTC-USD: UP 0.700 (#5), 7 s old, fresh" in text
    assert "ETH-USD: none yet" in text
    assert "BTC-USD: already holding this coin" in text
    assert "2 (UNAVAILABLE: gone)" in text
    assert "BTC-USD: STOP_LOSS, -5.5000" in text


def test_an_old_signal_is_shown_as_expired(page: StatusPage) -> None:
    later = replace(page, now=page.now + timedelta(minutes=2))
    assert "127 s old, expired" in render(later)


def test_a_position_that_nothing_guards_is_shouted_about(page: StatusPage) -> None:
    unwatched = replace(page, holdings=[replace(page.holdings[0], watched=False)])
    assert "no exit is guarding it" in render(unwatched)
