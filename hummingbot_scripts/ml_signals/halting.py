"""Keeps the halts: gathers what they depend on, and writes down when one begins or ends."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from .control import LiveHealth
from .journal import Journal
from .positions import PositionBook
from .rules import Halt, HaltConfig, HaltFacts, HaltKind, update_halts
from .rules.halts import daily_loss_limit, day_start

logger = logging.getLogger(__name__)

_STREAK_FROM = "losses are counted from"


@dataclass(frozen=True, slots=True)
class Present:
    """How things are at this tick: money in quote currency, times tz-aware UTC.

    `open_pnl` is what open positions would earn now; `capital` None while it is not known.
    """

    now: datetime
    open_pnl: Decimal
    capital: Decimal | None
    health: LiveHealth | None
    error: str
    unsettled: str
    resumed_at: datetime | None


class HaltKeeper:
    """The halts in force, kept over restarts.

    The journal's part of the facts is read again only when a position has ended or a day begun.
    """

    def __init__(self, journal: Journal, book: PositionBook, config: HaltConfig) -> None:
        """Take up the halts of an earlier run."""
        self._journal = journal
        self._book = book
        self._config = config
        self._results: HaltFacts | None = None
        self._day: datetime | None = None
        self._day_capital: Decimal | None = None
        self.active: tuple[Halt, ...] = tuple(journal.halts())
        self.facts = HaltFacts()

    @property
    def day_loss_limit(self) -> Decimal:
        """The loss that halts this day, above 0."""
        return daily_loss_limit(self.facts, self._config)

    def results_changed(self) -> None:
        """Read what positions have earned again, since one has ended."""
        self._results = None

    def update(self, present: Present) -> None:
        """Begin and end halts; each change is logged and written down."""
        self.facts = self._gather(present)
        before, now = self.active, present.now
        after = update_halts(before, self.facts, now, self._config)
        if after == before:
            return
        self.active = after
        _announce(before, after)
        if _streak_ended(before, after):
            self._journal.set_meta(_STREAK_FROM, now.isoformat())
            self.results_changed()
        self._journal.save_halts(after, now)

    def _gather(self, present: Present) -> HaltFacts:
        self._begin_day(present)
        if self._results is None and self._day is not None:
            self._results = self._read_results(self._day)
        results = self._results or HaltFacts()
        health = present.health
        return replace(
            results,
            day_pnl=results.day_pnl + present.open_pnl,
            day_capital=self._day_capital,
            accuracy=None if health is None else health.accuracy,
            known_outcomes=0 if health is None else health.known_outcomes,
            drift=None if health is None else _drift(health),
            error=present.error,
            unsettled=present.unsettled,
            resumed_at=present.resumed_at,
        )

    def _begin_day(self, present: Present) -> None:
        day = day_start(present.now, self._config.day_timezone)
        if day != self._day:
            self._day, self._day_capital, self._results = day, None, None
        if self._day_capital is not None:
            return
        key = f"capital at {day.isoformat()}"
        known = self._journal.meta(key)
        if known is not None:
            self._day_capital = Decimal(known)
        elif present.capital is not None:
            self._day_capital = present.capital
            self._journal.set_meta(key, f"{present.capital:f}")

    def _read_results(self, day: datetime) -> HaltFacts:
        since = self._journal.meta(_STREAK_FROM)
        streak = self._book.loss_streak(None if since is None else datetime.fromisoformat(since))
        return HaltFacts(
            day_pnl=self._book.realised_since(day),
            losses_in_row=streak.count,
            last_loss_at=streak.last_at,
        )


def _announce(before: Sequence[Halt], after: Sequence[Halt]) -> None:
    for halt in after:
        if halt not in before:
            logger.error("HALT %s: %s; it ends %s.", halt.kind, halt.why, halt.how_it_ends)
    kinds = {halt.kind for halt in after}
    for halt in before:
        if halt.kind not in kinds:
            logger.warning("The halt %s has ended.", halt.kind)


def _streak_ended(before: Sequence[Halt], after: Sequence[Halt]) -> bool:
    def has_streak(halts: Sequence[Halt]) -> bool:
        return any(halt.kind is HaltKind.LOSS_STREAK for halt in halts)

    return has_streak(before) and not has_streak(after)


def _drift(health: LiveHealth) -> str:
    return (health.drift_reason or "the server sees drift") if health.drift_halt else ""
