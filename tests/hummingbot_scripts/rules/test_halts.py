from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import HaltConfig, HaltFacts, HaltKind, update_halts
from hummingbot_scripts.ml_signals.rules.halts import daily_loss_limit, day_start, next_day

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONFIG = HaltConfig()
FINE = HaltFacts(day_capital=Decimal(1000), accuracy=0.6, known_outcomes=100, drift="")
BAD = {
    HaltKind.DAILY_LOSS: {"day_pnl": Decimal(-50)},
    HaltKind.LOSS_STREAK: {"losses_in_row": 5, "last_loss_at": NOW},
    HaltKind.LIVE_ACCURACY: {"accuracy": 0.449},
    HaltKind.DRIFT: {"drift": "features moved"},
    HaltKind.CRITICAL_ERROR: {"error": "disk full"},
    HaltKind.UNSETTLED: {"unsettled": "BTC-USD: 0.1 missing"},
}


def _facts(kind: HaltKind) -> HaltFacts:
    return replace(FINE, **BAD[kind])


def test_nothing_halts_while_all_is_well() -> None:
    assert update_halts((), FINE, NOW, CONFIG) == ()


@pytest.mark.parametrize("kind", HaltKind)
def test_each_halt_begins_and_says_why_and_how_it_ends(kind: HaltKind) -> None:
    (halt,) = update_halts((), _facts(kind), NOW, CONFIG)
    assert (halt.kind, halt.since) == (kind, NOW)
    assert halt.why
    assert halt.how_it_ends


@pytest.mark.parametrize("kind", HaltKind)
def test_a_halt_that_goes_on_stays_as_it_was(kind: HaltKind) -> None:
    first = update_halts((), _facts(kind), NOW, CONFIG)
    later = NOW + timedelta(hours=1)
    assert update_halts(first, _facts(kind), later, CONFIG) == first


@pytest.mark.parametrize("kind", [HaltKind.LIVE_ACCURACY, HaltKind.DRIFT])
def test_silence_of_the_server_ends_no_halt(kind: HaltKind) -> None:
    first = update_halts((), _facts(kind), NOW, CONFIG)
    silent = replace(FINE, accuracy=None, drift=None, known_outcomes=0)
    assert update_halts(first, silent, NOW, CONFIG) == first
    assert update_halts(first, FINE, NOW, CONFIG) == ()


def test_few_outcomes_say_nothing_about_the_accuracy() -> None:
    few = replace(FINE, accuracy=0.1, known_outcomes=49)
    assert update_halts((), few, NOW, CONFIG) == ()


def test_the_days_loss_is_the_lesser_of_share_and_amount() -> None:
    assert daily_loss_limit(FINE, CONFIG) == Decimal(50)
    assert daily_loss_limit(replace(FINE, day_capital=Decimal(200)), CONFIG) == Decimal(20)
    assert daily_loss_limit(replace(FINE, day_capital=None), CONFIG) == Decimal(50)


def test_an_empty_account_that_has_lost_nothing_is_not_halted() -> None:
    assert update_halts((), replace(FINE, day_capital=Decimal(0)), NOW, CONFIG) == ()


def test_a_new_day_ends_the_days_halt_even_if_today_gained_it_back_only_then() -> None:
    config = replace(CONFIG, day_timezone="America/New_York")
    halts = update_halts((), _facts(HaltKind.DAILY_LOSS), NOW, config)
    midnight = datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert update_halts(halts, FINE, midnight - timedelta(seconds=1), config) == halts
    assert update_halts(halts, FINE, midnight, config) == ()


def test_an_order_to_resume_ends_a_streak_and_an_error_but_not_the_days_loss() -> None:
    later = NOW + timedelta(minutes=1)
    resumed = replace(FINE, resumed_at=later, losses_in_row=5, last_loss_at=NOW)
    kinds = (HaltKind.DAILY_LOSS, HaltKind.LOSS_STREAK, HaltKind.CRITICAL_ERROR)
    halts = tuple(update_halts((), _facts(kind), NOW, CONFIG)[0] for kind in kinds)
    (left,) = update_halts(halts, resumed, later, CONFIG)
    assert left.kind is HaltKind.DAILY_LOSS


def test_an_error_stays_until_a_person_resumes_though_its_cause_is_gone() -> None:
    halts = update_halts((), _facts(HaltKind.CRITICAL_ERROR), NOW, CONFIG)
    assert update_halts(halts, FINE, NOW + timedelta(days=9), CONFIG) == halts


def test_a_resumed_error_whose_cause_is_there_halts_again() -> None:
    halts = update_halts((), _facts(HaltKind.CRITICAL_ERROR), NOW, CONFIG)
    later = NOW + timedelta(minutes=1)
    facts = replace(_facts(HaltKind.CRITICAL_ERROR), resumed_at=later)
    (again,) = update_halts(halts, facts, later, CONFIG)
    assert again.since == later


facts = st.builds(
    HaltFacts,
    day_pnl=st.decimals(-200, 200, places=2),
    day_capital=st.none() | st.decimals(0, 2000, places=2),
    losses_in_row=st.integers(0, 10),
    last_loss_at=st.none() | st.integers(0, 200_000).map(lambda s: NOW - timedelta(seconds=s)),
    accuracy=st.none() | st.floats(0, 1),
    known_outcomes=st.integers(0, 200),
    drift=st.sampled_from([None, "", "moved"]),
    error=st.sampled_from(["", "broken"]),
    unsettled=st.sampled_from(["", "missing"]),
)


@given(facts, facts, st.integers(0, 200_000))
def test_no_halt_ends_by_itself_before_its_time(
    first: HaltFacts, then: HaltFacts, seconds: int
) -> None:
    halts, later = update_halts((), first, NOW, CONFIG), NOW + timedelta(seconds=seconds)
    kept = update_halts(halts, then, later, CONFIG)
    for halt in halts:
        if halt.until is not None and later < halt.until:
            assert halt in kept


@given(facts, st.integers(0, 200_000))
def test_looking_twice_changes_nothing(seen: HaltFacts, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    halts = update_halts((), seen, now, CONFIG)
    assert update_halts(halts, seen, now, CONFIG) == halts
    assert len({halt.kind for halt in halts}) == len(halts)
    assert all(halt.until is None or halt.until > now for halt in halts)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 (made aware below)
    st.sampled_from(sorted(available_timezones())),
)
def test_every_moment_lies_in_one_day_of_every_time_zone(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=UTC)
    begins, ends = day_start(now, zone), next_day(now, zone)
    assert begins <= now < ends
    assert day_start(begins, zone) == begins
    assert day_start(ends - timedelta(microseconds=1), zone) == begins
    assert timedelta(hours=20) <= ends - begins <= timedelta(hours=28)


def test_a_day_whose_midnight_comes_twice_begins_at_the_first() -> None:
    """Havana set its clocks from 1:00 back to 0:00 on 2 November 2025."""
    second = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    assert day_start(second, "America/Havana") == datetime(2025, 11, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), 24),
        (datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
    ],
)
def test_a_day_on_which_clocks_change_is_an_hour_shorter_or_longer(
    moment: datetime, hours: int
) -> None:
    began, ends = day_start(moment, "Europe/Berlin"), next_day(moment, "Europe/Berlin")
    assert ends - began == timedelta(hours=hours)
    assert day_start(ends - timedelta(microseconds=1), "Europe/Berlin") == began
    assert day_start(ends, "Europe/Berlin") == ends
