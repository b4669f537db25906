"""Halts: when the bot stops to open positions by itself, and when each ends. Pure.

A halt stops entries only; exits go on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from .vocabulary import Reason


class HaltKind(StrEnum):
    """Why entries are halted."""

    DAILY_LOSS = "DAILY_LOSS"
    LOSS_STREAK = "LOSS_STREAK"
    LIVE_ACCURACY = "LIVE_ACCURACY"
    DRIFT = "DRIFT"
    CRITICAL_ERROR = "CRITICAL_ERROR"
    UNSETTLED = "UNSETTLED"


_REASONS = {
    HaltKind.DAILY_LOSS: Reason.HALT_DAILY_LOSS,
    HaltKind.LOSS_STREAK: Reason.HALT_LOSS_STREAK,
    HaltKind.LIVE_ACCURACY: Reason.HALT_LIVE_ACCURACY,
    HaltKind.DRIFT: Reason.HALT_DRIFT,
    HaltKind.CRITICAL_ERROR: Reason.HALT_CRITICAL_ERROR,
    HaltKind.UNSETTLED: Reason.HALT_UNSETTLED,
}


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt in force; times are tz-aware UTC, `until` None where a condition ends it."""

    kind: HaltKind
    since: datetime
    until: datetime | None
    why: str
    how_it_ends: str


@dataclass(frozen=True, slots=True)
class HaltConfig:
    """The limits; shares are of the capital at the day's start, money is in quote currency."""

    max_daily_loss_share: Decimal = Decimal("0.10")
    max_daily_loss_quote: Decimal = Decimal(50)
    day_timezone: str = "UTC"
    max_losses_in_row: int = 5
    loss_streak_pause_s: int = 86_400
    min_live_accuracy: float = 0.45
    min_accuracy_outcomes: int = 50


@dataclass(frozen=True, slots=True)
class HaltFacts:
    """What the halts depend on. Money in quote currency, times tz-aware UTC.

    `day_pnl` is what positions have earned today, with what open ones would earn now, and
    `day_capital` what there was at the day's start. `losses_in_row` are those since the last win
    or the end of the last streak. `accuracy` and `drift` are None while the server does not say;
    `resumed_at` is when a person last ordered to go on.
    """

    day_pnl: Decimal = Decimal(0)
    day_capital: Decimal | None = None
    losses_in_row: int = 0
    last_loss_at: datetime | None = None
    accuracy: float | None = None
    known_outcomes: int = 0
    drift: str | None = None
    error: str = ""
    unsettled: str = ""
    resumed_at: datetime | None = None


def refuse_halted(halts: Sequence[Halt]) -> Reason | None:
    """Return which halt forbids entries, the oldest of several; None without any."""
    return _REASONS[halts[0].kind] if halts else None


def update_halts(
    previous: Sequence[Halt], facts: HaltFacts, now: datetime, config: HaltConfig
) -> tuple[Halt, ...]:
    """Return the halts in force now: those that go on, as they were, and new ones."""
    going_on = {halt.kind: halt for halt in previous if _goes_on(halt, facts, now, config)}
    for halt in _new(facts, now, config):
        going_on.setdefault(halt.kind, halt)
    return tuple(sorted(going_on.values(), key=lambda halt: halt.since))


def daily_loss_limit(facts: HaltFacts, config: HaltConfig) -> Decimal:
    """Return the loss that halts the day, above 0: the lesser of the share and the amount."""
    if facts.day_capital is None:
        return config.max_daily_loss_quote
    return min(config.max_daily_loss_quote, facts.day_capital * config.max_daily_loss_share)


def day_start(now: datetime, zone: str) -> datetime:
    """Return when the day of `now` began in a time zone, in UTC."""
    return _midnight(now, zone).astimezone(UTC)


def next_day(now: datetime, zone: str) -> datetime:
    """Return when the next day begins in a time zone, in UTC."""
    return (_midnight(now, zone) + timedelta(days=1)).astimezone(UTC)


def _midnight(now: datetime, zone: str) -> datetime:
    """Return the first midnight of the local day, also where clocks are set back at midnight."""
    local = now.astimezone(ZoneInfo(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _goes_on(halt: Halt, facts: HaltFacts, now: datetime, config: HaltConfig) -> bool:
    resumed = facts.resumed_at is not None and facts.resumed_at > halt.since
    match halt.kind:
        case HaltKind.DAILY_LOSS:
            return halt.until is not None and now < halt.until
        case HaltKind.LOSS_STREAK:
            return halt.until is not None and now < halt.until and not resumed
        case HaltKind.LIVE_ACCURACY:
            return facts.accuracy is None or _inaccurate(facts, config)
        case HaltKind.DRIFT:
            return facts.drift != ""
        case HaltKind.CRITICAL_ERROR:
            return not resumed
        case HaltKind.UNSETTLED:
            return bool(facts.unsettled)


def _new(facts: HaltFacts, now: datetime, config: HaltConfig) -> Iterator[Halt]:
    yield from _daily_loss(facts, now, config)
    yield from _loss_streak(facts, now, config)
    yield from _by_condition(facts, now, config)


def _daily_loss(facts: HaltFacts, now: datetime, config: HaltConfig) -> Iterator[Halt]:
    limit = daily_loss_limit(facts, config)
    if facts.day_pnl < 0 and facts.day_pnl <= -limit:
        yield Halt(
            HaltKind.DAILY_LOSS,
            now,
            next_day(now, config.day_timezone),
            f"{facts.day_pnl:.2f} on the day, the limit is {-limit:.2f}",
            f"when the next day begins in {config.day_timezone}",
        )


def _loss_streak(facts: HaltFacts, now: datetime, config: HaltConfig) -> Iterator[Halt]:
    last = facts.last_loss_at
    if facts.losses_in_row < config.max_losses_in_row or last is None:
        return
    until = last + timedelta(seconds=config.loss_streak_pause_s)
    resumed = facts.resumed_at is not None and facts.resumed_at > last
    if now < until and not resumed:
        yield Halt(
            HaltKind.LOSS_STREAK,
            now,
            until,
            f"{facts.losses_in_row} losses in a row",
            f"{config.loss_streak_pause_s} s after the last loss, or by the order to resume",
        )


def _by_condition(facts: HaltFacts, now: datetime, config: HaltConfig) -> Iterator[Halt]:
    if _inaccurate(facts, config):
        why = f"{facts.accuracy:.1%} of the newest {facts.known_outcomes} predictions came true"
        ends = f"when at least {config.min_live_accuracy:.0%} do"
        yield Halt(HaltKind.LIVE_ACCURACY, now, None, why, ends)
    if facts.drift:
        yield Halt(HaltKind.DRIFT, now, None, facts.drift, "when the server says so")
    if facts.error:
        ends = "by the order to resume, once its cause is gone"
        yield Halt(HaltKind.CRITICAL_ERROR, now, None, facts.error, ends)
    if facts.unsettled:
        ends = "when the exchange and the journal agree, or by the order to resume"
        yield Halt(HaltKind.UNSETTLED, now, None, facts.unsettled, ends)


def _inaccurate(facts: HaltFacts, config: HaltConfig) -> bool:
    return (
        facts.accuracy is not None
        and facts.known_outcomes >= config.min_accuracy_outcomes
        and facts.accuracy < config.min_live_accuracy
    )
